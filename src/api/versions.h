/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Differences between API versions. The engine speaks the newest; answers are changed into what an
 * older client expects, and requests of older clients into what they meant. Most of it is a table.
 */

#include "json/json.h"

enum api_resource {
    API_CONTAINER,
    API_CONTAINER_SUMMARY,
    API_IMAGE,
    API_IMAGE_SUMMARY,
    API_NETWORK,
    API_INFO,
};

/* Changes an answer (one object) in place for a client of API 1.<version>. */
void api_answer_for_version(enum api_resource resource, json_t *o, unsigned version);
/* The same for each object of an array. */
void api_answers_for_version(enum api_resource resource, json_t *array, unsigned version);
/* Changes the body of POST /containers/create in place. */
void api_create_for_version(json_t *body, unsigned version);
