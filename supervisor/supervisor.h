/* supervisor.h - the context of the process, and the objects that its parts share.
 *
 *   config ──► plugins (proc/plugin.c) ──► lanes and outboxes (bus/)
 *                  │  ACTION                     ▲ OBJECT, RESULT
 *                  ▼                             │
 *              actions/ ──► kube client ──► store ──► listeners
 *
 * One thread runs everything. Nothing in this folder knows what a RayCluster is. */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "ipc/base/coalesce.h"
#include "ipc/base/log.h"
#include "ipc/protocol/lane.h"
#include "supervisor/config/config.h"
#include "supervisor/kube/kube.h"
#include "supervisor/store/store.h"

struct plugin;
struct executor;
struct trail;
struct feeds;
struct web;
struct control;
struct admission;
struct leadership;
struct twin;
struct unattended;

struct supervisor {
    struct loop *loop;
    struct coalesce coalesce;
    struct config *config;
    struct config_env env;
    const char *config_path;
    char *config_refused;         /* why the present file is not in force; NULL if it is */
    int64_t config_refused_since; /* wall clock, ns */
    struct kube_config *kube_config;
    struct kube_client *client;
    struct store *store;
    struct lane_context *lanes;
    struct feeds *feeds;
    struct executor *executor;
    struct trail *trail; /* what happens, for those who look on */
    struct web *web;
    struct admission *admission; /* the validating webhook; NULL if there is none */
    struct control *control;
    struct leadership *leadership; /* NULL without an election: this instance acts */
    struct twin *twin;             /* NULL unless the mode is twin */
    struct unattended *unattended; /* kinds that no plugin works on */
    struct plugin *plugins;        /* a linked list */
    char *host_binary;
    uint64_t epoch;
    int64_t started; /* monotonic, ns */
    bool stopping;
};

#endif
