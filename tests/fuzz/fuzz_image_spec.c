/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Manifests, indexes, configs and docker-archive's manifest.json: all read the same input. */

#include "fuzz.h"

#include "base/macros.h"
#include "oci/image_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct oci_manifest manifest = {0};
    struct oci_image_config config = {0};
    struct docker_archive_image *images = NULL;
    size_t n = 0;
    struct err err = {0};

    if (oci_manifest_parse(text, size, &manifest, &err) == 0 && manifest.kind == OCI_IMAGE_INDEX)
        (void)oci_index_choose(&manifest);
    oci_manifest_done(&manifest);
    (void)oci_image_config_parse(text, size, &config, &err);
    oci_image_config_done(&config);
    if (docker_archive_manifest_parse(text, size, &images, &n, &err) == 0)
        docker_archive_images_free(images, n);
    return 0;
}
