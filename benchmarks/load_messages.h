/* Messages of the load driver (see load.c): read from a file, and where their fields stand. */
#ifndef LOAD_MESSAGES_H
#define LOAD_MESSAGES_H

#include <stddef.h>

enum { MESSAGE_MAX = 4096 };

typedef struct { unsigned char *bytes, *answer; int length, answer_bytes, stan_at, rrn_at; } Message;

extern Message *messages;
extern size_t message_count;

/* Says what is wrong, and ends the program. */
void fail(const char *what);

/* Reads one message in hex from each line; those that are not sent as they are need a STAN. */
void read_messages(const char *path, int as_they_are);

/* Finds where the contents of fields 2 to 42 begin (-1: absent). Returns 0, or -1 for what is no message. */
int find_fields(const unsigned char *message, int length, int at[43]);

/* The value of so many digits; -1 for what is no number. */
long decimal(const unsigned char *digits, int width);

#endif
