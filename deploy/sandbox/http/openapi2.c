/* openapi2.c - OpenAPI v2 as protobuf (gnostic's openapi.v2.Document). It has the paths of all resources and what
 * kubectl before 1.27 looks for before a dry run: a PATCH of the kind with the query parameter "dryRun". It has no
 * schemas, so these clients explain nothing and warn of no unknown field. */
#include "http.h"

/* ---- protobuf: fields that have a length ---- */

static void varint(struct rv_buf *out, size_t n) {
    for (; n >= 0x80; n >>= 7) rv_buf_addc(out, (uint8_t)(n | 0x80));
    rv_buf_addc(out, (uint8_t)n);
}

static void put(struct rv_buf *out, unsigned number, struct rv_str value) {
    varint(out, (size_t)number << 3 | 2);
    varint(out, value.n);
    rv_buf_add_str(out, value);
}

/* Turns the content of the buffer into one field of a message that contains nothing else. */
static void wrap(struct rv_buf *b, unsigned number) {
    rv_autobuf struct rv_buf out = {0};
    put(&out, number, rv_buf_str(b));
    rv_buf_clear(b);
    rv_buf_add_str(b, rv_buf_str(&out));
}

/* ---- the document ---- */

/* The numbers are from OpenAPIv2.proto. */
enum { DOCUMENT_SWAGGER = 1, DOCUMENT_INFO = 2, DOCUMENT_PATHS = 8 };
enum { INFO_TITLE = 1, INFO_VERSION = 2 };
enum { PATHS_PATH = 2, NAMED_NAME = 1, NAMED_VALUE = 2, ITEM_PATCH = 8 };
enum { OPERATION_PARAMETERS = 8, OPERATION_EXTENSION = 13, ANY_YAML = 2 };
enum { ITEM_PARAMETER = 1, PARAMETER_NON_BODY = 2, NON_BODY_QUERY = 3 };
enum { QUERY_IN = 2, QUERY_NAME = 4, QUERY_TYPE = 6 };

static void query_parameter(struct rv_buf *operation, const char *name) {
    rv_autobuf struct rv_buf b = {0};
    put(&b, QUERY_IN, RV_STR("query"));
    put(&b, QUERY_NAME, rv_str(name));
    put(&b, QUERY_TYPE, RV_STR("string"));
    wrap(&b, NON_BODY_QUERY);
    wrap(&b, PARAMETER_NON_BODY);
    wrap(&b, ITEM_PARAMETER);
    put(operation, OPERATION_PARAMETERS, rv_buf_str(&b));
}

static void kind(struct rv_buf *operation, const struct sb_resource *r) {
    rv_autobuf struct rv_buf b = {0}, yaml = {0};
    rv_buf_addf(&yaml, "group: \"%s\"\nkind: %s\nversion: %s\n", r->group, r->kind, r->version);
    put(&b, ANY_YAML, rv_buf_str(&yaml));
    rv_autobuf struct rv_buf extension = {0};
    put(&extension, NAMED_NAME, RV_STR("x-kubernetes-group-version-kind"));
    put(&extension, NAMED_VALUE, rv_buf_str(&b));
    put(operation, OPERATION_EXTENSION, rv_buf_str(&extension));
}

static void add_path(void *arg, const struct sb_resource *r) {
    static const char *const parameters[] = {"dryRun", "fieldManager", "fieldValidation", "force"};
    rv_autobuf struct rv_buf path = {0}, b = {0}, item = {0};
    bool core = r->group[0] == '\0';
    rv_buf_addf(&path, "/%s%s%s/%s/%s%s/{name}", core ? "api" : "apis", core ? "" : "/", r->group, r->version,
                r->namespaced ? "namespaces/{namespace}/" : "", r->plural);
    for (size_t i = 0; i < RV_ARRAY_LEN(parameters); i++) query_parameter(&b, parameters[i]);
    kind(&b, r);
    wrap(&b, ITEM_PATCH);
    put(&item, NAMED_NAME, rv_buf_str(&path));
    put(&item, NAMED_VALUE, rv_buf_str(&b));
    put(arg, PATHS_PATH, rv_buf_str(&item));
}

bool sb_openapi2(struct sb_request *q, struct sb_response *r) {
    if (!rv_str_is(q->path, "/openapi/v2")) return false;
    rv_autobuf struct rv_buf info = {0}, paths = {0};
    put(&info, INFO_TITLE, RV_STR("Kubernetes"));
    put(&info, INFO_VERSION, RV_STR("v1.36.0-sandbox"));
    sb_resource_each(q->storage, add_path, &paths);
    put(&r->body, DOCUMENT_SWAGGER, RV_STR("2.0"));
    put(&r->body, DOCUMENT_INFO, rv_buf_str(&info));
    put(&r->body, DOCUMENT_PATHS, rv_buf_str(&paths));
    r->type = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
    return true;
}
