/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/log.h"
#include "client/stdcopy.h"

#define COPY_SIZE (32 * KIB)

/* What one run of the loop knows. */
struct copy {
    struct session *s;
    int sock;
    struct stdcopy demux;
    char input[COPY_SIZE + DETACH_KEYS_MAX]; /* typed and not yet taken by the socket */
    size_t input_pos, input_len;
    bool reading;  /* standard input has more */
    bool finished; /* its end was passed on */
    bool detached;
    char output[COPY_SIZE];
};

static void signal_set(const struct session *s, sigset_t *set)
{
    (void)sigemptyset(set);
    if (s->watch_size)
        (void)sigaddset(set, SIGWINCH);
    if (!s->proxy_signals)
        return;
    (void)sigfillset(set);
    /* What concerns this process alone, or must stay deadly. */
    static const int ours[] = {SIGCHLD, SIGPIPE, SIGURG, SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                               SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU, SIGPROF};
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
        (void)sigdelset(set, ours[i]);
    if (!s->watch_size)
        (void)sigdelset(set, SIGWINCH);
}

int session_prepare(struct session *s, struct err *err)
{
    s->signals = -1;
    s->terminal.fd = -1;
    if (!s->proxy_signals && !s->watch_size)
        return 0;
    sigset_t set;
    signal_set(s, &set);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return err_errno(err, errno, "block signals");
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signals < 0 ? err_errno(err, errno, "signalfd") : 0;
}

void session_done(struct session *s)
{
    terminal_restore(&s->terminal);
    if (s->signals >= 0) {
        /* A second Ctrl-C while the status is awaited must work again. */
        sigset_t set;
        signal_set(s, &set);
        s->signals = close_fd(s->signals);
        (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    }
    free(TAKE_PTR(s->object));
}

static void resize_to(struct session *s, unsigned rows, unsigned cols)
{
    struct err err = {0};
    _cleanup_free_ char *path = xasprintf("%s/resize?h=%u&w=%u", s->object, rows, cols);
    if (client_call(s->client, "POST", path, NULL, NULL, &err) < 0)
        log_debug("resize: %s", err.message);
}

void session_resize(struct session *s)
{
    unsigned rows, cols;
    if (s->watch_size && terminal_size(&rows, &cols))
        resize_to(s, rows, cols);
}

void session_redraw(struct session *s)
{
    unsigned rows, cols;
    if (!s->watch_size || !terminal_size(&rows, &cols))
        return;
    resize_to(s, rows + 1, cols + 1);
    resize_to(s, rows, cols);
}

static void forward_signal(struct session *s, int sig)
{
    struct err err = {0};
    const char *name = sigabbrev_np(sig);
    _cleanup_free_ char *path = name ? xasprintf("%s/kill?signal=%s", s->object, name)
                                     : xasprintf("%s/kill?signal=%d", s->object, sig);
    if (client_call(s->client, "POST", path, NULL, NULL, &err) < 0)
        log_debug("forward signal %d: %s", sig, err.message);
}

static void take_signals(struct session *s)
{
    struct signalfd_siginfo si;
    while (read(s->signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
        if (si.ssi_signo == SIGWINCH)
            session_resize(s);
        else
            forward_signal(s, (int)si.ssi_signo);
    }
}

static int put(void *arg, enum stdcopy_stream stream, const char *data, size_t len)
{
    struct session *s = arg;
    if (stream == STDCOPY_SYSTEM_ERROR) {
        (void)fprintf(stderr, "error from daemon in stream: %.*s\n", (int)len, data);
        return -EIO;
    }
    bool to_err = stream == STDCOPY_STDERR;
    if (to_err ? !s->err : !s->out)
        return 0;
    return write_full(to_err ? STDERR_FILENO : STDOUT_FILENO, data, len);
}

static int take_output(struct copy *c, const char *data, size_t len, struct err *err)
{
    int r = c->s->tty ? put(c->s, STDCOPY_STDOUT, data, len)
                      : stdcopy_feed(&c->demux, data, len, put, c->s, err);
    if (r < 0 && err && !err->message[0])
        return err_errno(err, r, "write the container's output");
    return r;
}

static void read_input(struct copy *c)
{
    char raw[COPY_SIZE];
    ssize_t n = read(STDIN_FILENO, raw, sizeof(raw));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {
        c->reading = false;
        return;
    }
    c->input_pos = 0;
    if (c->s->tty) {
        c->detached = detach_keys_filter(&c->s->detach, raw, (size_t)n, c->input, &c->input_len);
        return;
    }
    memcpy(c->input, raw, (size_t)n);
    c->input_len = (size_t)n;
}

static void send_input(struct copy *c)
{
    if (c->input_pos < c->input_len) {
        ssize_t n = send(c->sock, c->input + c->input_pos, c->input_len - c->input_pos,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            /* The process no longer reads; its output may still come. */
            c->reading = false;
            c->input_pos = c->input_len;
        }
        c->input_pos += n > 0 ? (size_t)n : 0;
    }
    if (!c->reading && c->input_pos == c->input_len && !c->finished) {
        (void)shutdown(c->sock, SHUT_WR);
        c->finished = true;
    }
}

/* One step of the loop: 1 to go on, 0 at the end, a negative errno. */
static int step(struct copy *c, struct err *err)
{
    bool pending = c->input_pos < c->input_len;
    struct pollfd fds[3] = {
        {.fd = c->sock, .events = (short)(POLLIN | (pending ? POLLOUT : 0))},
        {.fd = c->s->signals, .events = POLLIN},
        {.fd = c->reading && !pending ? STDIN_FILENO : -1, .events = POLLIN},
    };
    if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
        return errno == EINTR ? 1 : err_errno(err, errno, "poll");
    if (fds[1].revents)
        take_signals(c->s);
    if (fds[2].revents)
        read_input(c);
    if (fds[2].revents || (fds[0].revents & POLLOUT))
        send_input(c);
    if (c->detached)
        return 0;
    if (fds[0].revents & (POLLIN | POLLHUP | POLLERR)) {
        ssize_t n = recv(c->sock, c->output, sizeof(c->output), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return 1;
        if (n <= 0)
            return 0;
        int r = take_output(c, c->output, (size_t)n, err);
        if (r < 0)
            return r;
    }
    return !c->s->out && !c->s->err && c->finished ? 0 : 1;
}

int session_run(struct session *s, struct client_stream *stream, enum session_end *ret,
                struct err *err)
{
    _cleanup_free_ struct copy *c = XNEW(struct copy);
    c->s = s;
    c->sock = client_stream_fd(stream);
    c->reading = s->in;
    c->finished = !s->in;
    if (s->tty && s->in)
        terminal_raw(&s->terminal);
    (void)fflush(stdout);
    size_t n = 0;
    const char *early = client_stream_pending(stream, &n);
    int r = n > 0 ? take_output(c, early, n, err) : 0;
    if (r == 0)
        r = 1;
    while (r > 0)
        r = step(c, err);
    terminal_restore(&s->terminal);
    if (r == 0)
        *ret = c->detached ? SESSION_DETACHED : SESSION_ENDED;
    return r;
}
