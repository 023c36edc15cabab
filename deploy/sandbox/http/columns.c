/* columns.c - the printer columns of built-in kinds, as in a real API server (pkg/printers/internalversion). kubectl
 * get shows what is computed here. Pods are in podcolumns.c. */
#include "columns.h"
#include "rayvisor/json.h"

#include <stdlib.h>

enum { MANY = 3 }; /* so many entries of a long list are named */

static struct rv_val get(struct rv_val o, const char *path) { return rv_val_path(o, path); }
static struct rv_str text_of(struct rv_val o, const char *path) { return rv_path_str(o, path); }

static void cell_buf(struct rv_buf *b, const char *none, struct rv_buf *out) { sb_cell_text(rv_buf_str(b), none, out); }

#define TEXT_CELL(fn, path, none)                                                                                      \
    static void fn(struct rv_val o, struct rv_buf *out) { sb_cell_text(text_of(o, path), none, out); }
#define INT_CELL(fn, path)                                                                                             \
    static void fn(struct rv_val o, struct rv_buf *out) {                                                              \
        rv_buf_addf(out, "%lld", (long long)rv_path_int(o, path, 0));                                                  \
    }

TEXT_CELL(name, "metadata.name", "")
TEXT_CELL(created, "metadata.creationTimestamp", "")
static void age(struct rv_val o, struct rv_buf *out) {
    sb_cell_since(get(o, "metadata.creationTimestamp"), "<unknown>", out);
}

static void add_joined(struct rv_str s, const char *separator, struct rv_buf *b) {
    if (b->n != 0) rv_buf_adds(b, separator);
    rv_buf_add_str(b, s);
}

/* Sorts "a=b,c=d" by key. */
static int by_key(const void *x, const void *y) {
    return rv_str_cmp(*(const struct rv_str *)x, *(const struct rv_str *)y);
}

void sb_add_labels(struct rv_val map, struct rv_buf *b) {
    size_t n = rv_val_len(map), i = 0;
    rv_autofree struct rv_str *keys = rv_alloc_array(n + 1, sizeof *keys);
    for (struct rv_iter it = rv_iter(map); rv_iter_next(&it);) keys[i++] = it.key;
    if (n != 0) qsort(keys, n, sizeof *keys, by_key);
    for (i = 0; i < n; i++) {
        add_joined(keys[i], ",", b);
        rv_buf_addc(b, '=');
        rv_buf_add_str(b, rv_val_str(rv_val_getn(map, keys[i])));
    }
}

static void label_cell(struct rv_val map, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    sb_add_labels(map, &b);
    cell_buf(&b, "<none>", out);
}

static void selector_cell(struct rv_val selector, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_selector *s = rv_selector_from_val(selector, NULL);
    if (s != NULL && rv_val_present(selector)) rv_selector_print(s, &b);
    rv_selector_free(s);
    cell_buf(&b, "<none>", out);
}

static bool deleting(struct rv_val o) { return rv_meta_deleting(o); }

/* ---- namespaces, nodes ---- */

TEXT_CELL(phase, "status.phase", "")

static void node_status(struct rv_val o, struct rv_buf *out) {
    struct rv_val ready = rv_condition_find(get(o, "status.conditions"), "Ready");
    struct rv_str s = rv_val_str(rv_val_get(ready, "status"));
    rv_buf_addf(out, "\"%s%s\"",
                !rv_val_present(ready) ? "Unknown"
                : rv_str_is(s, "True") ? "Ready"
                                       : "NotReady",
                rv_path_bool(o, "spec.unschedulable", false) ? ",SchedulingDisabled" : "");
}

static void node_roles(struct rv_val o, struct rv_buf *out) {
    static const char PREFIX[] = "node-role.kubernetes.io/";
    rv_autobuf struct rv_buf b = {0};
    for (struct rv_iter it = rv_iter(get(o, "metadata.labels")); rv_iter_next(&it);) {
        struct rv_str rest = {it.key.p + sizeof PREFIX - 1, it.key.n - (sizeof PREFIX - 1)};
        if (rv_str_starts(it.key, PREFIX) && it.key.n > sizeof PREFIX - 1) add_joined(rest, ",", &b);
        if (rv_str_is(it.key, "kubernetes.io/role")) add_joined(rv_val_str(it.val), ",", &b);
    }
    cell_buf(&b, "<none>", out);
}

static void node_address(struct rv_val o, const char *type, struct rv_buf *out) {
    struct rv_str found = {0};
    for (struct rv_iter it = rv_iter(get(o, "status.addresses")); found.n == 0 && rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "type"), type)) found = rv_path_str(it.val, "address");
    sb_cell_text(found, "<none>", out);
}
static void node_internal(struct rv_val o, struct rv_buf *out) { node_address(o, "InternalIP", out); }
static void node_external(struct rv_val o, struct rv_buf *out) { node_address(o, "ExternalIP", out); }
TEXT_CELL(node_version, "status.nodeInfo.kubeletVersion", "")
TEXT_CELL(node_os, "status.nodeInfo.osImage", "<unknown>")
TEXT_CELL(node_kernel, "status.nodeInfo.kernelVersion", "<unknown>")
TEXT_CELL(node_runtime, "status.nodeInfo.containerRuntimeVersion", "<unknown>")

/* ---- services, endpoints ---- */

static void list_text(struct rv_val list, const char *separator, struct rv_buf *b) {
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);) add_joined(rv_val_str(it.val), separator, b);
}

TEXT_CELL(service_type, "spec.type", "")
static void service_ip(struct rv_val o, struct rv_buf *out) {
    struct rv_str first = text_of(o, "spec.clusterIPs[0]");
    sb_cell_text(first.n != 0 ? first : text_of(o, "spec.clusterIP"), "<none>", out);
}

static void service_external(struct rv_val o, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_str type = text_of(o, "spec.type");
    bool balancer = rv_str_is(type, "LoadBalancer");
    if (rv_str_is(type, "ExternalName")) rv_buf_add_str(&b, text_of(o, "spec.externalName"));
    for (struct rv_iter it = rv_iter(get(o, "status.loadBalancer.ingress")); balancer && rv_iter_next(&it);) {
        struct rv_str ip = rv_path_str(it.val, "ip");
        add_joined(ip.n != 0 ? ip : rv_path_str(it.val, "hostname"), ",", &b);
    }
    list_text(get(o, "spec.externalIPs"), ",", &b);
    cell_buf(&b, balancer ? "<pending>" : "<none>", out);
}

static void service_ports(struct rv_val o, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    for (struct rv_iter it = rv_iter(get(o, "spec.ports")); rv_iter_next(&it);) {
        int64_t node = rv_path_int(it.val, "nodePort", 0);
        rv_buf_addf(&b, "%s%lld", b.n != 0 ? "," : "", (long long)rv_path_int(it.val, "port", 0));
        if (node != 0) rv_buf_addf(&b, ":%lld", (long long)node);
        rv_buf_addf(&b, "/" RV_STR_FMT, RV_STR_ARG(rv_path_str(it.val, "protocol")));
    }
    cell_buf(&b, "<none>", out);
}
static void service_selector(struct rv_val o, struct rv_buf *out) { label_cell(get(o, "spec.selector"), out); }

static void and_more(struct rv_buf *b, size_t n) {
    if (n > MANY) rv_buf_addf(b, " + %zu more...", n - MANY);
}

static void endpoints(struct rv_val o, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    size_t n = 0;
    for (struct rv_iter s = rv_iter(get(o, "subsets")); rv_iter_next(&s);) {
        struct rv_val ports = rv_val_get(s.val, "ports");
        for (struct rv_iter a = rv_iter(rv_val_get(s.val, "addresses")); rv_iter_next(&a);) {
            struct rv_str ip = rv_path_str(a.val, "ip");
            if (rv_val_len(ports) == 0 && n++ < MANY) add_joined(ip, ",", &b);
            for (struct rv_iter p = rv_iter(ports); rv_iter_next(&p);) {
                if (n++ >= MANY) continue;
                add_joined(ip, ",", &b);
                rv_buf_addf(&b, ":%lld", (long long)rv_path_int(p.val, "port", 0));
            }
        }
    }
    and_more(&b, n);
    cell_buf(&b, "<none>", out);
}

TEXT_CELL(slice_type, "addressType", "")
static void slice_ports(struct rv_val o, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    size_t n = 0;
    for (struct rv_iter it = rv_iter(get(o, "ports")); rv_iter_next(&it);) {
        struct rv_val port = rv_val_get(it.val, "port");
        struct rv_str port_name = rv_path_str(it.val, "name");
        if (n++ >= MANY) continue;
        rv_autobuf struct rv_buf one = {0};
        if (rv_val_set(port))
            rv_buf_addf(&one, "%lld", (long long)rv_val_int(port, 0));
        else
            rv_buf_add_str(&one, port_name.n != 0 ? port_name : RV_STR("*"));
        add_joined(rv_buf_str(&one), ",", &b);
    }
    and_more(&b, n);
    cell_buf(&b, "<unset>", out);
}

static void slice_endpoints(struct rv_val o, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    size_t n = 0;
    for (struct rv_iter e = rv_iter(get(o, "endpoints")); rv_iter_next(&e);)
        for (struct rv_iter it = rv_iter(rv_val_get(e.val, "addresses")); rv_iter_next(&it);)
            if (n++ < MANY) add_joined(rv_val_str(it.val), ",", &b);
    and_more(&b, n);
    cell_buf(&b, "<unset>", out);
}

/* ---- configuration ---- */

static void data_count(struct rv_val o, struct rv_buf *out) {
    rv_buf_addf(out, "%zu", rv_val_len(get(o, "data")) + rv_val_len(get(o, "binaryData")));
}
TEXT_CELL(secret_type, "type", "")

static void quota_part(struct rv_val o, bool limits, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    for (struct rv_iter it = rv_iter(get(o, "status.hard")); rv_iter_next(&it);) {
        if (rv_str_starts(it.key, "limits.") != limits) continue;
        struct rv_val used = rv_val_getn(get(o, "status.used"), it.key);
        rv_buf_addf(&b, "%s" RV_STR_FMT ": " RV_STR_FMT "/" RV_STR_FMT, b.n != 0 ? ", " : "", RV_STR_ARG(it.key),
                    RV_STR_ARG(rv_val_present(used) ? rv_val_str(used) : RV_STR("0")), RV_STR_ARG(rv_val_str(it.val)));
    }
    cell_buf(&b, "", out);
}
static void quota_request(struct rv_val o, struct rv_buf *out) { quota_part(o, false, out); }
static void quota_limit(struct rv_val o, struct rv_buf *out) { quota_part(o, true, out); }

/* ---- events ---- */

static struct rv_val first_set(struct rv_val o, const char *a, const char *b) {
    struct rv_val v = get(o, a);
    return rv_val_type(v) == RV_STRING ? v : get(o, b);
}
static void event_first(struct rv_val o, struct rv_buf *out) {
    sb_cell_since(first_set(o, "firstTimestamp", "eventTime"), "<unknown>", out);
}
static void event_last(struct rv_val o, struct rv_buf *out) {
    struct rv_val series = get(o, "series.lastObservedTime"), last = get(o, "lastTimestamp");
    if (rv_val_type(last) != RV_STRING) last = first_set(o, "firstTimestamp", "eventTime");
    sb_cell_since(rv_val_set(series) ? series : last, "<unknown>", out);
}
static void event_count(struct rv_val o, struct rv_buf *out) {
    int64_t n = rv_path_int(o, "series.count", rv_path_int(o, "count", 0));
    rv_buf_addf(out, "%lld", (long long)(n != 0 ? n : 1));
}
static void event_object(struct rv_val o, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_str about = text_of(o, "involvedObject.name");
    rv_buf_add_str(&b, text_of(o, "involvedObject.kind"));
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] >= 'A' && b.p[i] <= 'Z') b.p[i] = (uint8_t)(b.p[i] - 'A' + 'a');
    if (about.n != 0) rv_buf_addf(&b, "/" RV_STR_FMT, RV_STR_ARG(about));
    cell_buf(&b, "", out);
}
static void event_source(struct rv_val o, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_str component = text_of(o, "source.component"), host = text_of(o, "source.host");
    rv_buf_add_str(&b, component.n != 0 ? component : text_of(o, "reportingComponent"));
    if (host.n == 0) host = text_of(o, "reportingInstance");
    if (host.n != 0) rv_buf_addf(&b, ", " RV_STR_FMT, RV_STR_ARG(host));
    cell_buf(&b, "", out);
}
TEXT_CELL(event_type, "type", "")
TEXT_CELL(event_reason, "reason", "")
TEXT_CELL(event_sub, "involvedObject.fieldPath", "")
static void event_message(struct rv_val o, struct rv_buf *out) {
    struct rv_str s = text_of(o, "message");
    while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL) s.n--;
    sb_cell_text(s, "", out);
}

/* ---- volumes ---- */

static void modes(struct rv_val list, struct rv_buf *out) {
    static const char *const names[][2] = {
        {"ReadWriteOnce", "RWO"}, {"ReadOnlyMany", "ROX"}, {"ReadWriteMany", "RWX"}, {"ReadWriteOncePod", "RWOP"}};
    rv_autobuf struct rv_buf b = {0};
    for (size_t i = 0; i < RV_ARRAY_LEN(names); i++)
        for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);)
            if (rv_str_is(rv_val_str(it.val), names[i][0])) add_joined(rv_str(names[i][1]), ",", &b);
    cell_buf(&b, "", out);
}
static void phase_or_terminating(struct rv_val o, struct rv_buf *out) {
    sb_cell_text(deleting(o) ? RV_STR("Terminating") : text_of(o, "status.phase"), "", out);
}
static bool bound(struct rv_val o) { return text_of(o, "spec.volumeName").n != 0; }
TEXT_CELL(claim_volume, "spec.volumeName", "")
static void claim_capacity(struct rv_val o, struct rv_buf *out) {
    sb_cell_text(bound(o) ? text_of(o, "status.capacity.storage") : RV_STR(""), "", out);
}
static void claim_modes(struct rv_val o, struct rv_buf *out) {
    modes(bound(o) ? get(o, "status.accessModes") : RV_VAL_ABSENT, out);
}
TEXT_CELL(volume_class, "spec.storageClassName", "")
TEXT_CELL(volume_attributes, "spec.volumeAttributesClassName", "<unset>")
TEXT_CELL(volume_mode, "spec.volumeMode", "<unset>")
TEXT_CELL(volume_capacity, "spec.capacity.storage", "")
static void volume_modes(struct rv_val o, struct rv_buf *out) { modes(get(o, "spec.accessModes"), out); }
TEXT_CELL(volume_policy, "spec.persistentVolumeReclaimPolicy", "")
static void volume_claim(struct rv_val o, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_str claim = text_of(o, "spec.claimRef.name");
    if (claim.n != 0)
        rv_buf_addf(&b, RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(text_of(o, "spec.claimRef.namespace")),
                    RV_STR_ARG(claim));
    cell_buf(&b, "", out);
}
TEXT_CELL(volume_reason, "status.reason", "")

/* ---- workloads ---- */

static void template_part(struct rv_val o, const char *field, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_val list = get(o, "spec.template.spec.containers");
    if (!rv_val_present(list)) list = get(o, "spec.jobTemplate.spec.template.spec.containers");
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);) add_joined(rv_path_str(it.val, field), ",", &b);
    cell_buf(&b, "", out);
}
static void containers(struct rv_val o, struct rv_buf *out) { template_part(o, "name", out); }
static void images(struct rv_val o, struct rv_buf *out) { template_part(o, "image", out); }
static void selector(struct rv_val o, struct rv_buf *out) { selector_cell(get(o, "spec.selector"), out); }
static void cron_selector(struct rv_val o, struct rv_buf *out) {
    selector_cell(get(o, "spec.jobTemplate.spec.selector"), out);
}
static void deployment_ready(struct rv_val o, struct rv_buf *out) {
    rv_buf_addf(out, "\"%lld/%lld\"", (long long)rv_path_int(o, "status.readyReplicas", 0),
                (long long)rv_path_int(o, "spec.replicas", 1));
}
INT_CELL(deployment_updated, "status.updatedReplicas")
INT_CELL(deployment_available, "status.availableReplicas")
INT_CELL(replicas_desired, "spec.replicas")
INT_CELL(replicas_current, "status.replicas")
INT_CELL(replicas_ready, "status.readyReplicas")

static void job_status(struct rv_val o, struct rv_buf *out) {
    static const char *const types[] = {"Complete", "Failed", NULL, "Suspended", "FailureTarget", "SuccessCriteriaMet"};
    struct rv_val list = get(o, "status.conditions");
    const char *s = "Running";
    for (size_t i = 0; i < RV_ARRAY_LEN(types); i++) {
        if (types[i] != NULL ? !rv_condition_is(list, types[i], "True") : !deleting(o)) continue;
        s = types[i] != NULL ? types[i] : "Terminating";
        break;
    }
    sb_cell_text(rv_str(s), "", out);
}
static void job_completions(struct rv_val o, struct rv_buf *out) {
    long long done = rv_path_int(o, "status.succeeded", 0), want = rv_path_int(o, "spec.completions", 0);
    long long together = rv_path_int(o, "spec.parallelism", 0);
    if (rv_val_set(get(o, "spec.completions")))
        rv_buf_addf(out, "\"%lld/%lld\"", done, want);
    else if (together > 1)
        rv_buf_addf(out, "\"%lld/1 of %lld\"", done, together);
    else
        rv_buf_addf(out, "\"%lld/1\"", done);
}
static void job_duration(struct rv_val o, struct rv_buf *out) {
    int64_t from = 0, to = clock_wall();
    rv_buf_addc(out, '"');
    rv_time_parse(text_of(o, "status.completionTime"), &to);
    if (rv_time_parse(text_of(o, "status.startTime"), &from) == 0) sb_human_duration((to - from) / 1000000000, out);
    rv_buf_addc(out, '"');
}
TEXT_CELL(cron_schedule, "spec.schedule", "")
TEXT_CELL(cron_zone, "spec.timeZone", "<none>")
static void cron_suspend(struct rv_val o, struct rv_buf *out) {
    rv_buf_adds(out, rv_path_bool(o, "spec.suspend", false) ? "\"True\"" : "\"False\"");
}
static void cron_active(struct rv_val o, struct rv_buf *out) {
    rv_buf_addf(out, "%zu", rv_val_len(get(o, "status.active")));
}
static void cron_last(struct rv_val o, struct rv_buf *out) {
    sb_cell_since(get(o, "status.lastScheduleTime"), "<none>", out);
}

/* ---- network, access, coordination ---- */

TEXT_CELL(ingress_class, "spec.ingressClassName", "<none>")
static void ingress_hosts(struct rv_val o, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    size_t n = 0;
    for (struct rv_iter it = rv_iter(get(o, "spec.rules")); rv_iter_next(&it);) {
        struct rv_str host = rv_path_str(it.val, "host");
        if (host.n != 0 && n++ < MANY) add_joined(host, ",", &b);
    }
    and_more(&b, n);
    cell_buf(&b, "*", out);
}
static void ingress_address(struct rv_val o, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    for (struct rv_iter it = rv_iter(get(o, "status.loadBalancer.ingress")); rv_iter_next(&it);) {
        struct rv_str ip = rv_path_str(it.val, "ip");
        add_joined(ip.n != 0 ? ip : rv_path_str(it.val, "hostname"), ",", &b);
    }
    cell_buf(&b, "", out);
}
static void ingress_ports(struct rv_val o, struct rv_buf *out) {
    rv_buf_adds(out, rv_val_len(get(o, "spec.tls")) != 0 ? "\"80, 443\"" : "\"80\"");
}
TEXT_CELL(class_controller, "spec.controller", "")
static void class_parameters(struct rv_val o, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_val p = get(o, "spec.parameters");
    struct rv_str group = rv_path_str(p, "apiGroup");
    rv_buf_add_str(&b, rv_path_str(p, "kind"));
    if (group.n != 0) rv_buf_addf(&b, "." RV_STR_FMT, RV_STR_ARG(group));
    if (rv_val_present(p)) rv_buf_addf(&b, "/" RV_STR_FMT, RV_STR_ARG(rv_path_str(p, "name")));
    cell_buf(&b, "<none>", out);
}
static void policy_selector(struct rv_val o, struct rv_buf *out) { selector_cell(get(o, "spec.podSelector"), out); }
static void binding_role(struct rv_val o, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b, RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(text_of(o, "roleRef.kind")),
                RV_STR_ARG(text_of(o, "roleRef.name")));
    cell_buf(&b, "", out);
}
static void subjects(struct rv_val o, const char *kind, struct rv_buf *out) {
    rv_autobuf struct rv_buf b = {0};
    for (struct rv_iter it = rv_iter(get(o, "subjects")); rv_iter_next(&it);) {
        if (!rv_str_is(rv_path_str(it.val, "kind"), kind)) continue;
        struct rv_str ns = rv_path_str(it.val, "namespace");
        if (b.n != 0) rv_buf_adds(&b, ", ");
        if (ns.n != 0) rv_buf_addf(&b, RV_STR_FMT "/", RV_STR_ARG(ns));
        rv_buf_add_str(&b, rv_path_str(it.val, "name"));
    }
    cell_buf(&b, "", out);
}
static void users(struct rv_val o, struct rv_buf *out) { subjects(o, "User", out); }
static void groups(struct rv_val o, struct rv_buf *out) { subjects(o, "Group", out); }
static void accounts(struct rv_val o, struct rv_buf *out) { subjects(o, "ServiceAccount", out); }
TEXT_CELL(holder, "spec.holderIdentity", "")
static void int_or_text(struct rv_val v, struct rv_buf *out) {
    if (rv_val_type(v) == RV_INT)
        rv_buf_addf(out, "\"%lld\"", (long long)rv_val_int(v, 0));
    else
        sb_cell_text(rv_val_str(v), "N/A", out);
}
static void min_available(struct rv_val o, struct rv_buf *out) { int_or_text(get(o, "spec.minAvailable"), out); }
static void max_unavailable(struct rv_val o, struct rv_buf *out) { int_or_text(get(o, "spec.maxUnavailable"), out); }
INT_CELL(disruptions, "status.disruptionsAllowed")

/* ---- the tables ---- */

#define NAME                                                                                                           \
    { "Name", "string", "name", 0, name }
#define AGE                                                                                                            \
    { "Age", "string", "", 0, age }
#define COL(title, fn)                                                                                                 \
    { title, "string", "", 0, fn }
#define WIDE(title, fn)                                                                                                \
    { title, "string", "", 1, fn }
#define NUM(title, fn)                                                                                                 \
    { title, "integer", "", 0, fn }
#define TEMPLATE WIDE("Containers", containers), WIDE("Images", images)
#define SUBJECTS WIDE("Users", users), WIDE("Groups", groups), WIDE("ServiceAccounts", accounts)

static const struct sb_column namespaces[] = {NAME, COL("Status", phase), AGE};
static const struct sb_column nodes[] = {NAME,
                                         COL("Status", node_status),
                                         COL("Roles", node_roles),
                                         AGE,
                                         COL("Version", node_version),
                                         WIDE("Internal-IP", node_internal),
                                         WIDE("External-IP", node_external),
                                         WIDE("OS-Image", node_os),
                                         WIDE("Kernel-Version", node_kernel),
                                         WIDE("Container-Runtime", node_runtime)};
static const struct sb_column pods[] = {NAME,
                                        COL("Ready", sb_pod_ready),
                                        COL("Status", sb_pod_status),
                                        COL("Restarts", sb_pod_restarts),
                                        AGE,
                                        WIDE("IP", sb_pod_ip),
                                        WIDE("Node", sb_pod_node),
                                        WIDE("Nominated Node", sb_pod_nominated),
                                        WIDE("Readiness Gates", sb_pod_gates)};
static const struct sb_column services[] = {NAME,
                                            COL("Type", service_type),
                                            COL("Cluster-IP", service_ip),
                                            COL("External-IP", service_external),
                                            COL("Port(s)", service_ports),
                                            AGE,
                                            WIDE("Selector", service_selector)};
static const struct sb_column endpoints_table[] = {NAME, COL("Endpoints", endpoints), AGE};
static const struct sb_column configmaps[] = {NAME, COL("Data", data_count), AGE};
static const struct sb_column secrets[] = {NAME, COL("Type", secret_type), COL("Data", data_count), AGE};
static const struct sb_column serviceaccounts[] = {NAME, AGE};
static const struct sb_column events[] = {COL("Last Seen", event_last),  COL("Type", event_type),
                                          COL("Reason", event_reason),   COL("Object", event_object),
                                          WIDE("Subobject", event_sub),  WIDE("Source", event_source),
                                          COL("Message", event_message), WIDE("First Seen", event_first),
                                          WIDE("Count", event_count),    {"Name", "string", "name", 1, name}};
static const struct sb_column claims[] = {NAME,
                                          COL("Status", phase_or_terminating),
                                          COL("Volume", claim_volume),
                                          COL("Capacity", claim_capacity),
                                          COL("Access Modes", claim_modes),
                                          COL("StorageClass", volume_class),
                                          COL("VolumeAttributesClass", volume_attributes),
                                          AGE,
                                          WIDE("VolumeMode", volume_mode)};
static const struct sb_column volumes[] = {NAME,
                                           COL("Capacity", volume_capacity),
                                           COL("Access Modes", volume_modes),
                                           COL("Reclaim Policy", volume_policy),
                                           COL("Status", phase_or_terminating),
                                           COL("Claim", volume_claim),
                                           COL("StorageClass", volume_class),
                                           COL("VolumeAttributesClass", volume_attributes),
                                           COL("Reason", volume_reason),
                                           AGE,
                                           WIDE("VolumeMode", volume_mode)};
static const struct sb_column quotas[] = {NAME, COL("Request", quota_request), COL("Limit", quota_limit), AGE};
static const struct sb_column dated[] = {NAME, {"Created At", "date", "", 0, created}};
static const struct sb_column deployments[] = {NAME,
                                               COL("Ready", deployment_ready),
                                               COL("Up-to-date", deployment_updated),
                                               COL("Available", deployment_available),
                                               AGE,
                                               TEMPLATE,
                                               WIDE("Selector", selector)};
static const struct sb_column replicasets[] = {
    NAME,     NUM("Desired", replicas_desired), NUM("Current", replicas_current), NUM("Ready", replicas_ready), AGE,
    TEMPLATE, WIDE("Selector", selector)};
static const struct sb_column jobs[] = {
    NAME,     COL("Status", job_status), COL("Completions", job_completions), COL("Duration", job_duration), AGE,
    TEMPLATE, WIDE("Selector", selector)};
static const struct sb_column cronjobs[] = {NAME,
                                            COL("Schedule", cron_schedule),
                                            COL("Timezone", cron_zone),
                                            {"Suspend", "boolean", "", 0, cron_suspend},
                                            NUM("Active", cron_active),
                                            COL("Last Schedule", cron_last),
                                            AGE,
                                            TEMPLATE,
                                            WIDE("Selector", cron_selector)};
static const struct sb_column slices[] = {NAME, COL("AddressType", slice_type), COL("Ports", slice_ports),
                                          COL("Endpoints", slice_endpoints), AGE};
static const struct sb_column ingresses[] = {NAME,
                                             COL("Class", ingress_class),
                                             COL("Hosts", ingress_hosts),
                                             COL("Address", ingress_address),
                                             COL("Ports", ingress_ports),
                                             AGE};
static const struct sb_column ingressclasses[] = {NAME, COL("Controller", class_controller),
                                                  COL("Parameters", class_parameters), AGE};
static const struct sb_column policies[] = {NAME, COL("Pod-Selector", policy_selector), AGE};
static const struct sb_column bindings[] = {NAME, COL("Role", binding_role), AGE, SUBJECTS};
static const struct sb_column leases[] = {NAME, COL("Holder", holder), AGE};
static const struct sb_column budgets[] = {NAME, COL("Min Available", min_available),
                                           COL("Max Unavailable", max_unavailable),
                                           NUM("Allowed Disruptions", disruptions), AGE};

#define TABLE(plural, columns)                                                                                         \
    { plural, columns, RV_ARRAY_LEN(columns) }
static const struct {
    const char *plural;
    const struct sb_column *columns;
    size_t n;
} tables[] = {TABLE("namespaces", namespaces),
              TABLE("nodes", nodes),
              TABLE("pods", pods),
              TABLE("services", services),
              TABLE("endpoints", endpoints_table),
              TABLE("configmaps", configmaps),
              TABLE("secrets", secrets),
              TABLE("serviceaccounts", serviceaccounts),
              TABLE("events", events),
              TABLE("persistentvolumeclaims", claims),
              TABLE("persistentvolumes", volumes),
              TABLE("resourcequotas", quotas),
              TABLE("limitranges", dated),
              TABLE("deployments", deployments),
              TABLE("replicasets", replicasets),
              TABLE("jobs", jobs),
              TABLE("cronjobs", cronjobs),
              TABLE("endpointslices", slices),
              TABLE("ingresses", ingresses),
              TABLE("ingressclasses", ingressclasses),
              TABLE("networkpolicies", policies),
              TABLE("roles", dated),
              TABLE("clusterroles", dated),
              TABLE("rolebindings", bindings),
              TABLE("clusterrolebindings", bindings),
              TABLE("leases", leases),
              TABLE("poddisruptionbudgets", budgets),
              TABLE("customresourcedefinitions", dated)};

const struct sb_column *sb_columns_of(const struct sb_resource *r, size_t *ret_n) {
    for (size_t i = 0; i < RV_ARRAY_LEN(tables); i++) {
        if (strcmp(tables[i].plural, r->plural) != 0) continue;
        *ret_n = tables[i].n;
        return tables[i].columns;
    }
    return NULL;
}
