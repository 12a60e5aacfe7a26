/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The engine's API seen from its clients.
 *
 * A client talks to one daemon over as many connections as needed and keeps one idle connection for
 * the next call. Paths are given without the version prefix ("/containers/json?all=1"); the client
 * speaks CLIENT_API_VERSION, and learns from a refusal ("client version … is too new") which lower
 * one the daemon speaks, so that no call is spent on negotiation. Everything blocks. Not
 * thread-safe.
 *
 * Errors: what the daemon answered becomes "Error response from daemon: <its message>" with the
 * kind that the status stands for; connection errors have their own text. */

#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

#define CLIENT_API_VERSION "1.50"

struct client;
struct client_stream;

/* host as client_host_parse() takes it; api_version NULL for the default. No connection is made. */
int client_new(const char *host, const char *api_version, struct client **ret, struct err *err);
void client_free(struct client *c);
DEFINE_CLEANUP(struct client *, client_free);
/* The daemon's address as messages show it. Borrowed. */
const char *client_url(const struct client *c);
/* The API version spoken ("1.50"); settled only once a call has succeeded. Borrowed. */
const char *client_api_version(const struct client *c);

/* One call whose answer is read whole. body (borrowed) may be NULL. ret may be NULL; it gets a new
 * reference, or NULL when the answer has no body. */
int client_call(struct client *c, const char *method, const char *path, const json_t *body,
                json_t **ret, struct err *err);
/* The same, giving the answer's text unparsed. */
int client_call_text(struct client *c, const char *method, const char *path, const json_t *body,
                     char **ret, size_t *ret_len, struct err *err);

/* A call whose answer is a stream: client_open() returns after the head; client_stream_read() until
 * 0; client_stream_free() (which keeps the connection if it was read to its end). */
int client_open(struct client *c, const char *method, const char *path, const json_t *body,
                struct client_stream **ret, struct err *err);
/* client_open() in two halves, so that several requests can be under way: begin sends, finish reads
 * the head and turns a failure into err. Needs a settled API version. */
int client_begin(struct client *c, const char *method, const char *path, const json_t *body,
                 bool upgrade, struct client_stream **ret, struct err *err);
int client_finish(struct client_stream *s, struct err *err);
/* A call that asks for the raw connection; the daemon's 101 (or old 200) answer leaves it to us. */
int client_hijack(struct client *c, const char *method, const char *path, const json_t *body,
                  struct client_stream **ret, struct err *err);
/* Sends the file or pipe `in` as a chunked tar body, then reads the head of the answer. */
int client_upload(struct client *c, const char *method, const char *path, int in,
                  struct client_stream **ret, struct err *err);

ssize_t client_stream_read(struct client_stream *s, void *data, size_t len);
void client_stream_free(struct client_stream *s);
DEFINE_CLEANUP(struct client_stream *, client_stream_free);
/* For poll(2); stays with the stream. */
int client_stream_fd(const struct client_stream *s);
const char *client_stream_content_type(const struct client_stream *s);
/* What the answer says about a file in a container (base 64); "" when nothing. Borrowed. */
const char *client_stream_path_stat(const struct client_stream *s);
/* After a hijack: the bytes that came with the head. Borrowed. */
const char *client_stream_pending(const struct client_stream *s, size_t *ret_len);
/* Reads the rest as one JSON value (at most LIMIT_HTTP_JSON_BODY bytes). */
int client_stream_json(struct client_stream *s, json_t **ret, struct err *err);

/* Percent-encodes a path segment. Caller frees. */
char *client_escape(const char *segment);
/* Appends "?key=value" or "&key=value", encoded. */
void client_query(struct buf *path, const char *key, const char *value);
