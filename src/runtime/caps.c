/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAPS_MAX 63

uint64_t caps_available(uint64_t *ret_bounding)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    uint64_t bounding = 0;

    for (unsigned i = 0; i <= CAPS_MAX; i++) {
        int r = prctl(PR_CAPBSET_READ, (unsigned long)i, 0, 0, 0);
        if (r < 0)
            break;
        if (r > 0)
            bounding |= UINT64_C(1) << i;
    }
    *ret_bounding = bounding;
    if (syscall(SYS_capget, &header, data) < 0)
        return 0;
    return bounding & (data[0].permitted | (uint64_t)data[1].permitted << 32);
}

struct oci_capabilities caps_limit(const struct oci_capabilities *want, uint64_t available)
{
    struct oci_capabilities c = *want;

    c.bounding &= available;
    c.permitted &= available;
    c.effective &= c.permitted;
    c.inheritable &= available;
    /* The kernel lets a capability be ambient only if it is permitted and inheritable. */
    c.ambient &= c.permitted & c.inheritable;
    return c;
}

int caps_drop_bounding(uint64_t drop, struct err *err)
{
    for (unsigned i = 0; i <= CAPS_MAX; i++)
        if ((drop & (UINT64_C(1) << i)) && prctl(PR_CAPBSET_DROP, (unsigned long)i, 0, 0, 0) < 0)
            return err_errno(err, errno, "drop capability %u from the bounding set", i);
    return 0;
}

int caps_set(uint64_t permitted, uint64_t effective, uint64_t inheritable, struct err *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    for (unsigned i = 0; i < 2; i++) {
        data[i].permitted = (uint32_t)(permitted >> (32 * i));
        data[i].effective = (uint32_t)(effective >> (32 * i));
        data[i].inheritable = (uint32_t)(inheritable >> (32 * i));
    }
    if (syscall(SYS_capset, &header, data) < 0)
        return err_errno(err, errno, "set capabilities");
    return 0;
}

int caps_set_ambient(uint64_t ambient, struct err *err)
{
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return err_errno(err, errno, "clear ambient capabilities");
    for (unsigned i = 0; i <= CAPS_MAX; i++)
        if ((ambient & (UINT64_C(1) << i)) &&
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (unsigned long)i, 0, 0) < 0)
            return err_errno(err, errno, "raise ambient capability %u", i);
    return 0;
}
