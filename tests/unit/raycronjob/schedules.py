#!/usr/bin/env python3
"""Our moments of cron lines against a search by Python that looks at every minute: lines by chance, in zones that change their
clocks in all ways that there are, around each kind of change, in years from 2020 to 2060. schedules.py ZONE_DUMP"""
import datetime, random, subprocess, sys, zoneinfo

ZONES = ["UTC", "Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York", "America/Santiago", "America/Havana", "America/St_Johns", "Atlantic/Azores",
         "Australia/Sydney", "Australia/Lord_Howe", "Pacific/Chatham", "Asia/Kolkata", "Asia/Beirut", "Africa/Cairo"]
FIELDS = [(0, 59, []), (0, 23, []), (1, 31, []), (1, 12, "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()), (0, 6, "SUN MON TUE WED THU FRI SAT".split())]
DAYS = 9
QUARTER = 900


def field(rng, index):
    """Text and values of a field, and whether it is a star."""
    low, high, words = FIELDS[index]
    texts, values, star = [], set(), False
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        step = rng.choice([1, 1, 1, 2, 3, 7])
        form = rng.random()
        if form < (0.3, 0.4, 0.6, 0.9, 0.6)[index]:
            a, b, text = low, high, rng.choice("**?")
            star |= step == 1
        elif form < 0.8:
            a = b = rng.randint(low, high)
            text = rng.choice([words[a - low], words[a - low].lower()]) if words and rng.random() < 0.5 else str(a)
            if step > 1: b = high
        else:
            a, b = sorted((rng.randint(low, high), rng.randint(low, high)))
            text = f"{a}-{b}"
        texts.append(text + (f"/{step}" if step > 1 else ""))
        values |= set(range(a, b + 1, step))
    return ",".join(texts), values, star


def changes(zone):
    """The days on which a zone's clocks change."""
    out, tz = [], zoneinfo.ZoneInfo(zone)
    at, last = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc), None
    while at.year < 2060:
        offset = at.astimezone(tz).utcoffset()
        if last is not None and offset != last: out.append(int(at.timestamp()))
        last, at = offset, at + datetime.timedelta(days=1)
    return out


def search(zone, begin, end, fields):
    """Clocks change on whole quarters of an hour, by whole quarters: within a quarter only the minute goes on."""
    (_, minutes, _), (_, hours, _), (_, days, any_day), (_, months, _), (_, weekdays, any_weekday) = fields
    tz, out = zoneinfo.ZoneInfo(zone), []
    for quarter in range(begin - begin % QUARTER, end + 1, QUARTER):
        t = datetime.datetime.fromtimestamp(quarter, tz)
        assert t.minute % 15 == 0 and t.second == 0, (zone, t)
        if t.hour not in hours or t.month not in months: continue
        day, weekday = t.day in days, t.isoweekday() % 7 in weekdays
        if not ((day and weekday) if any_day or any_weekday else (day or weekday)): continue
        out += [quarter + 60 * i for i in range(15) if t.minute + i in minutes and begin < quarter + 60 * i <= end]
    return out


def main():
    if len(zoneinfo.available_timezones()) < 300:
        print("no time zone database here (Debian package tzdata): skipped")
        sys.exit(77)
    rng, cases = random.Random(11), []
    for zone in ZONES:
        special = changes(zone) or [int(datetime.datetime(2027, 12, 31).timestamp())]
        for _ in range(40):
            begin = rng.choice(special) - rng.randrange(5 * 86400) + rng.randrange(3) * 20
            cases.append((zone, begin, begin + DAYS * 86400, [field(rng, i) for i in range(5)]))
    text = "".join(f"{z}\t{a}\t{b}\t{' '.join(f[0] for f in fields)}\n" for z, a, b, fields in cases)
    got = subprocess.run([sys.argv[1]], input=text, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(got) == len(cases), (len(got), len(cases))
    bad = met = 0
    for (zone, begin, end, fields), line in zip(cases, got):
        want = search(zone, begin, end, fields)
        met += len(want)
        if line.split() != [str(at) for at in want]:
            bad += 1
            print(f"{' '.join(f[0] for f in fields)} in {zone} from {begin}: {line[:200]}, expected {want[:12]}")
    print(f"{len(cases) - bad} passed, {bad} failed, {met} moments")
    sys.exit(bad != 0 or met < 1000)


main()
