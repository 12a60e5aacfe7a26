/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "base/fdutil.h"
#include "base/thread.h"
#include "net/netlink.h"

#define SANDBOX_IF "eth0"

struct job {
    const struct sandbox_veth *veth; /* borrowed; NULL: loopback only */
    struct nl *host;                 /* borrowed; socket in the host's namespace */
    struct err *err;                 /* borrowed */
    int netns_fd;                    /* result */
    int r;
};

static int furnish(struct job *job, struct nl *inside)
{
    const struct sandbox_veth *v = job->veth;

    int lo = nl_link_index(inside, "lo");
    int r = lo < 0 ? lo : nl_link_up(inside, lo);
    if (r < 0)
        return err_errno(job->err, r, "set the loopback interface up");
    if (!v)
        return 0;
    /* A rogue router advertisement must not reconfigure a container (CVE-2020-13401). Kernels
     * without IPv6 have no such file. */
    (void)write_kernel_file_at(AT_FDCWD, "/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    struct nl_veth veth = {.host_name = v->host_name,
                           .host_master = v->bridge_index,
                           .peer_name = SANDBOX_IF,
                           .peer_netns_fd = job->netns_fd,
                           .mac = v->mac,
                           .mtu = v->mtu};
    r = nl_veth_add(job->host, &veth);
    if (r < 0)
        return err_errno(job->err, r, "failed to add the host (%s) <=> sandbox (%s) pair",
                         v->host_name, SANDBOX_IF);
    int index = nl_link_index(inside, SANDBOX_IF);
    r = index < 0 ? index : nl_addr_add(inside, index, v->addr, v->prefix_len);
    if (r == 0)
        r = nl_link_up(inside, index);
    if (r == 0)
        r = nl_route_add_default(inside, v->gateway);
    if (r < 0)
        return err_errno(job->err, r, "configure %s", SANDBOX_IF);
    return 0;
}

static void *sandbox_thread(void *arg)
{
    struct job *job = arg;
    _cleanup_(nl_closep)
    struct nl *inside = NULL;

    if (unshare(CLONE_NEWNET) < 0) {
        job->r = err_errno(job->err, errno, "create a network namespace");
        return NULL;
    }
    job->netns_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (job->netns_fd < 0) {
        job->r = err_errno(job->err, errno, "open the new network namespace");
        return NULL;
    }
    int r = nl_open(&inside);
    job->r = r < 0 ? err_errno(job->err, r, "open a netlink socket") : furnish(job, inside);
    return NULL;
}

int sandbox_create(const struct sandbox_veth *veth, int *ret_fd, struct err *err)
{
    _cleanup_(nl_closep)
    struct nl *host = NULL;
    struct job job = {.veth = veth, .err = err, .netns_fd = -1};
    pthread_t thread;

    int r = nl_open(&host);
    if (r < 0)
        return err_errno(err, r, "open a netlink socket");
    job.host = host;
    r = thread_spawn("net-sandbox", 0, sandbox_thread, &job, &thread);
    if (r < 0)
        return err_errno(err, r, "start a thread");
    (void)pthread_join(thread, NULL);
    if (job.r < 0) {
        close_fd(job.netns_fd);
        return job.r;
    }
    *ret_fd = job.netns_fd;
    return 0;
}
