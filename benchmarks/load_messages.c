/* Messages of the load driver: read from a file, and where their fields stand. */
#define _GNU_SOURCE
#include "load_messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Message *messages;
size_t message_count;

void fail(const char *what) {
    fprintf(stderr, "load: %s\n", what);
    exit(2);
}

/* Lengths of fields 2 to 42 of ISO 8583:1987; -2 and -3 stand for LLVAR and LLLVAR. */
static const int FIELD_LENGTH[43] = {
    0, 0, -2, 6, 12, 12, 12, 10, 8, 8, 8, 6, 6, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 2, 2, 1, 9, 9, 9, 9,
    -2, -2, -2, -2, -3, 12, 6, 2, 3, 8, 15,
};

static int hex_digit(int c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

long decimal(const unsigned char *digits, int width) {
    long value = 0;
    for (int i = 0; i < width; i++) {
        if (digits[i] < '0' || digits[i] > '9') return -1;
        value = value * 10 + digits[i] - '0';
    }
    return value;
}

int find_fields(const unsigned char *message, int length, int at[43]) {
    unsigned char bitmap[8];
    int position = 20;
    memset(at, 0xff, 43 * sizeof(int));
    if (length < position) return -1;
    for (int i = 0; i < 8; i++) {
        int high = hex_digit(message[4 + 2 * i]), low = hex_digit(message[5 + 2 * i]);
        if (high < 0 || low < 0) return -1;
        bitmap[i] = (unsigned char)(high << 4 | low);
    }
    if (bitmap[0] & 0x80) position += 16;
    for (int field = 2; field <= 42; field++) {
        if (!(bitmap[(field - 1) >> 3] & (0x80 >> ((field - 1) & 7)))) continue;
        long size = FIELD_LENGTH[field];
        if (size < 0) {
            int width = (int)-size;
            if (position + width > length || (size = decimal(message + position, width)) < 0) return -1;
            position += width;
        }
        if (position + size > length) return -1;
        at[field] = position;
        position += (int)size;
    }
    return 0;
}

void read_messages(const char *path, int as_they_are) {
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t line_room = 0, room = 0;
    if (!file) fail("cannot read the messages");
    while (getline(&line, &line_room, file) > 0) {
        int digits = (int)strcspn(line, "\r\n"), at[43];
        if (message_count == room) messages = realloc(messages, (room = room ? 2 * room : 4096) * sizeof *messages);
        Message *message = &messages[message_count++];
        message->length = digits / 2;
        if (digits % 2 || message->length > MESSAGE_MAX) fail("a line of the messages is not a message in hex");
        message->bytes = malloc((size_t)message->length + 1);
        for (int i = 0; i < message->length; i++)
            message->bytes[i] = (unsigned char)(hex_digit(line[2 * i]) << 4 | hex_digit(line[2 * i + 1]));
        message->answer = NULL;
        message->answer_bytes = 0;
        if (as_they_are) continue;
        if (find_fields(message->bytes, message->length, at) || at[11] < 0) fail("a message has no STAN");
        message->stan_at = at[11];
        message->rrn_at = at[37];
    }
    fclose(file);
    free(line);
    if (!message_count) fail("there are no messages");
}
