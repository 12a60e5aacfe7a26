/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Reading of image metadata, which is untrusted: OCI and Docker schema 2 manifests and indexes
 * (image-spec manifest.md, image-index.md), image configs (config.md), and the manifest.json of
 * docker-archive. Each parser bounds sizes and counts by base/limits.h, checks every type it uses,
 * and answers ERR_INVALID. No I/O. */

#include "base/digest.h"
#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

#define OCI_MANIFEST_TYPE    "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX_TYPE       "application/vnd.oci.image.index.v1+json"
#define OCI_CONFIG_TYPE      "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER_TYPE       "application/vnd.oci.image.layer.v1.tar"
#define DOCKER_MANIFEST_TYPE "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_LIST_TYPE     "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_CONFIG_TYPE   "application/vnd.docker.container.image.v1+json"

struct oci_platform {
    char *os, *arch, *variant; /* owned; NULL when not given */
};

struct oci_descriptor {
    char *media_type; /* owned; "" when not given */
    struct digest digest;
    int64_t size_bytes;
    struct oci_platform platform;
    json_t *annotations; /* ref; NULL when none */
};

enum oci_manifest_kind { OCI_IMAGE_MANIFEST, OCI_IMAGE_INDEX };

struct oci_manifest {
    enum oci_manifest_kind kind;
    struct oci_descriptor config;    /* OCI_IMAGE_MANIFEST */
    struct oci_descriptor *children; /* owned; layers, or an index's manifests */
    size_t n_children;
};

/* A document that could be read both as a manifest and as an index is refused (CVE-2021-41190).
 * ret is to be given to oci_manifest_done(). */
int oci_manifest_parse(const char *data, size_t len, struct oci_manifest *ret, struct err *err);
void oci_manifest_done(struct oci_manifest *m);
#define _cleanup_oci_manifest_ _cleanup_(oci_manifest_done)

/* The entry of an index that fits this machine best, or NULL. An entry without a platform fits
 * anything but is the last choice; "unknown/unknown" (attestations) never fits. */
const struct oci_descriptor *oci_index_choose(const struct oci_manifest *index);

/* This machine's architecture in Go's words ("amd64"), and its variant ("v7", "v8") or "". */
const char *oci_host_arch(void);
const char *oci_host_variant(void);

struct oci_image_config {
    json_t *root;    /* ref; the whole object */
    char *os, *arch; /* owned; "" when not given */
    int64_t created_nsec;
    struct digest *diff_ids; /* owned */
    size_t n_diff_ids;
};

/* Checks that the fields the engine reads have their types. ret is to be given to
 * oci_image_config_done(). */
int oci_image_config_parse(const char *data, size_t len, struct oci_image_config *ret,
                           struct err *err);
void oci_image_config_done(struct oci_image_config *c);
#define _cleanup_oci_image_config_ _cleanup_(oci_image_config_done)

/* One image in docker-archive's manifest.json. Strings are names of archive members. */
struct docker_archive_image {
    char *config;  /* owned */
    char **tags;   /* owned string vector */
    char **layers; /* owned string vector */
};
/* *ret: heap array. */
int docker_archive_manifest_parse(const char *data, size_t len, struct docker_archive_image **ret,
                                  size_t *ret_n, struct err *err);
void docker_archive_images_free(struct docker_archive_image *images, size_t n);
