/* Text and JSON results; see ipb_report.h.  SPDX-License-Identifier: MIT */
#include "ipb_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipb_json.h"

int ipb_report_marshall(const char *text, char *json, char **data, int *size)
{
	size_t text_size = strlen(text) + 1, json_size = json != NULL ? strlen(json) + 1 : 0;

	*data = malloc(text_size + json_size);
	*size = 0;
	if (*data != NULL) {
		memcpy(*data, text, text_size);
		if (json_size > 0)
			memcpy(*data + text_size, json, json_size);
		*size = (int)(text_size + json_size);
	}
	free(json);
	return *data != NULL ? 0 : -1;
}

int ipb_report_unmarshall(const char *input, int len, char **data, int *data_len, struct ipb_error *err)
{
	if (input == NULL || len < 0)
		return ipb_error(err, "the result is missing");
	size_t text_size = strnlen(input, (size_t)len);
	size_t behind = text_size < (size_t)len ? text_size + 1 : text_size;
	const char *json = input + behind;
	size_t json_size = strnlen(json, (size_t)len - behind);

	if (text_size > IPB_REPORT_MAX || json_size > IPB_REPORT_MAX)
		return ipb_error(err, "the result is longer than %d bytes", IPB_REPORT_MAX);
	if (json_size > 0 && ipb_json_check(json, json_size) < 0)
		return ipb_error(err, "what follows the result's text (%zu bytes) is not a JSON object", json_size);
	*data = malloc(text_size + json_size + 2);
	if (*data == NULL)
		return ipb_error(err, "no memory for a result of %d bytes", len);
	memcpy(*data, input, text_size);
	(*data)[text_size] = '\0';
	memcpy(*data + text_size + 1, json, json_size);
	(*data)[text_size + 1 + json_size] = '\0';
	*data_len = (int)(text_size + json_size + 2);
	return 0;
}

const char *ipb_report_text(const struct client_data *data)
{
	return data != NULL && data->data != NULL && data->size >= 2 ? data->data : "";
}

const char *ipb_report_json(const struct client_data *data)
{
	const char *text = ipb_report_text(data);

	return *text != '\0' || (data != NULL && data->data != NULL && data->size >= 2) ? text + strlen(text) + 1 : "";
}

int ipb_report_results(const struct client_data *data, const char *fallback, char **json)
{
	const char *found = ipb_report_json(data);

	*json = strdup(*found != '\0' ? found : fallback != NULL ? fallback : "{}");
	return *json != NULL ? 0 : -1;
}

int ipb_report_print(struct client_data *data)
{
	printf("%s\n", ipb_report_text(data));
	return 0;
}

void ipb_report_free(char **data)
{
	if (data == NULL)
		return;
	free(*data);
	*data = NULL;
}
