/* service.c - reading a RayService: spec and annotations (see service.h). */
#include "service.h"

#include <errno.h>

#include "fields.h"

struct rv_str rs_annotation(const struct rs_service *s, const char *key) {
    return rv_val_str(rv_val_get(rv_val_get(s->meta, "annotations"), key));
}

/* ---- durations --------------------------------------------------------------------------------------------------- */

static const struct unit {
    const char *text;
    int64_t ns;
} units[] = {{"ns", 1},        {"us", 1000},          {"ms", 1000000},
             {"s", RC_SECOND}, {"m", 60 * RC_SECOND}, {"h", 3600 * RC_SECOND}};

static int64_t take_unit(struct rv_str *s) {
    const struct unit *best = NULL;
    for (size_t i = 0; i < RV_ARRAY_LEN(units); i++)
        if (rv_str_starts(*s, units[i].text) && (best == NULL || strlen(units[i].text) > strlen(best->text)))
            best = &units[i];
    if (best == NULL) return 0;
    s->p += strlen(best->text);
    s->n -= strlen(best->text);
    return best->ns;
}

/* One number with its unit, in ns; negative: none is there. */
static double take_part(struct rv_str *s) {
    double value = 0, scale = 1;
    bool digits = false, point = false;
    for (; s->n > 0 && ((*s->p >= '0' && *s->p <= '9') || (*s->p == '.' && !point)); s->p++, s->n--) {
        if (*s->p == '.') {
            point = true;
            continue;
        }
        digits = true;
        value = value * 10 + (*s->p - '0');
        if (point) scale *= 10;
        if (value > 1e15) return -1;
    }
    int64_t unit = digits ? take_unit(s) : 0;
    return unit == 0 ? -1 : value / scale * (double)unit;
}

int rs_duration(struct rv_str text, int64_t *ret_ns) {
    enum { MOST_S = 10 * 365 * 86400 };
    int64_t seconds;
    double total = 0;
    if (rv_str_to_int(text, 1, MOST_S, &seconds) == 0) {
        *ret_ns = seconds * RC_SECOND;
        return 0;
    }
    if (text.n == 0) return -EINVAL;
    while (text.n > 0) {
        double part = take_part(&text);
        if (part < 0) return -EINVAL;
        total += part;
    }
    if (total < 1 || total > (double)MOST_S * (double)RC_SECOND) return -EINVAL;
    *ret_ns = (int64_t)total;
    return 0;
}

static int64_t duration_or(const struct rs_service *s, const char *annotation, int64_t fallback_s) {
    struct rv_str text = rs_annotation(s, annotation);
    int64_t ns = fallback_s * RC_SECOND;
    if (rv_str_is(text, "0")) return 0;
    (void)rs_duration(text, &ns);
    return ns;
}

/* ---- spec -------------------------------------------------------------------------------------------------------- */

static enum up_strategy strategy_of(const struct rs_service *s, struct rv_str type) {
    bool gate = rc_gate(&s->settings->cluster, RS_GATE_INCREMENTAL, true);
    if (rv_str_is(type, "NewClusterWithIncrementalUpgrade")) return gate ? UP_INCREMENTAL : UP_NONE;
    if (rv_str_is(type, "NewCluster")) return UP_NEW;
    if (type.n != 0) return UP_NONE;
    return s->settings->zero_downtime ? UP_NEW : UP_NONE;
}

static enum rs_traffic traffic_of(const struct rs_service *s) {
    if (s->strategy != UP_INCREMENTAL) return RS_VIA_SERVICE;
    return rv_str_is(rs_annotation(s, RS_ANNOTATION_TRAFFIC), RS_TRAFFIC_ENDPOINTS) ? RS_VIA_SLICES : RS_VIA_GATEWAY;
}

static void read_names(struct rs_service *s) {
    struct rv_val meta = s->meta;
    s->ns = rv_path_str(meta, "namespace");
    s->name = rv_path_str(meta, "name");
    s->uid = rv_path_str(meta, "uid");
    s->generation = rv_path_int(meta, "generation", 0);
    s->config = rv_path_str(s->spec, "serveConfigV2");
    s->serve_name = rv_path_str(s->spec, "serveService.metadata.name");
}

static void read_annotations(struct rs_service *s) {
    const struct rs_settings *settings = s->settings;
    struct rv_str policy = rs_annotation(s, RS_ANNOTATION_POLICY);
    s->deadline_ns = duration_or(s, RS_ANNOTATION_DEADLINE, settings->deadline_s);
    s->drain_ns = duration_or(s, RS_ANNOTATION_DRAIN, settings->drain_s);
    s->init_timeout_ns = duration_or(s, RS_ANNOTATION_INIT_TIMEOUT, 0);
    s->rolls_back = policy.n != 0 ? rv_str_is(policy, RS_POLICY_ROLL_BACK) : settings->deadline_rolls_back;
}

void rs_service_read(struct rs_service *s, struct rv_val value, const struct rs_settings *settings) {
    struct rv_val spec = rv_val_get(value, "spec");
    *s = (struct rs_service){.value = value,
                             .meta = rv_val_get(value, "metadata"),
                             .spec = spec,
                             .status = rv_val_get(value, "status"),
                             .cluster_spec = rv_val_get(spec, "rayClusterConfig"),
                             .options = rv_val_path(spec, "upgradeStrategy.clusterUpgradeOptions"),
                             .settings = settings,
                             .suspend = rv_path_bool(spec, "suspend", false),
                             .exclude_head = rv_path_bool(spec, "excludeHeadPodFromServeSvc", false)};
    read_names(s);
    s->strategy = strategy_of(s, rv_path_str(spec, "upgradeStrategy.type"));
    s->may_replace = s->strategy != UP_NONE;
    s->traffic = traffic_of(s);
    s->delay_ns = rv_path_int(spec, "rayClusterDeletionDelaySeconds", RS_DELETION_DELAY_S) * RC_SECOND;
    read_annotations(s);
}

struct rc_cluster_owner rs_cluster_owner(const struct rs_service *s) {
    return (struct rc_cluster_owner){"RayService", s->ns, s->name, s->uid, s->meta};
}
