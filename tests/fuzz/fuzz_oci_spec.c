/* SPDX-License-Identifier: GPL-2.0-or-later */

/* config.json, a process object, and what is made of parts of them before a container exists. */

#include "fuzz.h"

#include <stdlib.h>

#include "oci/spec.h"
#include "runtime/mount_opts.h"
#include "runtime/sysctl.h"

static void use_spec(const struct oci_spec *spec)
{
    for (size_t i = 0; i < spec->n_mounts; i++) {
        struct mount_opts o;
        if (!spec->mounts[i].destination)
            abort();
        if (mount_opts_parse(spec->mounts[i].options, &o, NULL) == 0)
            mount_opts_done(&o);
    }
    (void)sysctl_check(spec, true, NULL);
    if (spec->has_process && (!spec->process.args || spec->process.cwd[0] != '/'))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct oci_spec *spec = NULL;
    struct oci_process process;
    struct err err = {0};

    if (oci_spec_parse((const char *)data, size, &spec, &err) == 0) {
        use_spec(spec);
        oci_spec_free(spec);
    } else if (!err.message[0] || err.kind == ERR_NONE) {
        abort();
    }
    if (oci_process_parse_text((const char *)data, size, &process, &err) == 0)
        oci_process_done(&process);
    return 0;
}
