/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Whatever is taken as a reference comes back the same from its canonical form. */

#include "fuzz.h"

#include "base/alloc.h"
#include "base/str.h"
#include "oci/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = xstrndup((const char *)data, size);
    _cleanup_reference_ struct reference r = {0};
    _cleanup_reference_ struct reference again = {0};
    struct err err = {0};

    if (reference_parse(text, &r, &err) < 0)
        return 0;
    _cleanup_free_ char *canonical = reference_string(&r);
    _cleanup_free_ char *familiar = reference_familiar(&r);
    if (reference_parse(canonical, &again, &err) < 0)
        abort();
    _cleanup_free_ char *canonical2 = reference_string(&again);
    reference_done(&again);
    if (reference_parse(familiar, &again, &err) < 0)
        abort();
    _cleanup_free_ char *canonical3 = reference_string(&again);
    if (!str_eq(canonical, canonical2) || !str_eq(canonical, canonical3))
        abort();
    return 0;
}
