#!/usr/bin/env python3
"""Our time zones against Python's reading of the machine's: all zones in years that are settled, and many years ahead where
the rules have been the same for long. zones.py ZONE_DUMP"""
import datetime, random, subprocess, sys, zoneinfo

SETTLED = [datetime.datetime(y, 1, 1, tzinfo=datetime.timezone.utc) for y in (2020, 2024)]
AHEAD = ["Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York", "America/Santiago", "Australia/Sydney", "Australia/Lord_Howe", "Asia/Tokyo",
         "Asia/Kolkata", "Pacific/Chatham", "America/St_Johns", "Atlantic/Azores", "UTC"]


def main():
    names = sorted(zoneinfo.available_timezones() - {"Factory", "localtime"})
    if len(names) < 300:
        print("no time zone database here (Debian package tzdata): skipped")
        sys.exit(77)
    rng, asked = random.Random(7), []
    begin, end = (int(t.timestamp()) for t in SETTLED)
    for name in names: asked += [(name, at) for at in range(begin, end, 86400 * 3 + 3571)]
    for name in AHEAD: asked += [(name, rng.randrange(begin, 4102444800)) for _ in range(4000)]
    text = "".join(f"{n}\t{t}\n" for n, t in asked)
    got = subprocess.run([sys.argv[1]], input=text, capture_output=True, text=True, check=True).stdout.splitlines()
    bad = 0
    for (name, at), line in zip(asked, got):
        want = int(datetime.datetime.fromtimestamp(at, zoneinfo.ZoneInfo(name)).utcoffset().total_seconds())
        if line != f"{name} {at} {want}":
            bad += 1
            if bad < 20: print(f"{line}, expected {want}")
    assert len(got) == len(asked), (len(got), len(asked))
    print(f"{len(asked) - bad} passed, {bad} failed")
    sys.exit(bad != 0)


main()
