/* A load driver for hosts that speak ISO 8583:1987 in ASCII (hex bitmap) behind a 2-byte binary length.
 *
 * One thread, epoll. Each connection keeps up to `depth` requests in flight; every request gets a STAN (DE 11)
 * and RRN (DE 37) never used before, counted up from `seed`, so a host that detects duplicates sees none.
 * Closed loop by default; with -r an open loop, whose latencies count from the moment a request was due, not
 * from when it could be sent (no coordinated omission). Loopback only; bounded in time and in count. SIGTERM ends the
 * measurement before its time: the report is of what there was.
 *
 *   load -p PORT -m FILE [-c CONNECTIONS] [-d DEPTH] [-t SECONDS] [-w WARM] [-s SEED] [-r RATE] [-o ANSWERS] [-j]
 *
 * FILE holds one message in hex on each line. -j prints one JSON object, else one line for people.
 *
 * With -o messages of any dialect are sent as they are, each once, one at a time on a connection: connection k of n has
 * lines k, k + n, k + 2n ... in this order. It ends with the last answer, or after -t seconds. ANSWERS then has a line
 * for each message: its answer in hex, empty where none came. What they say is for whoever knows the dialect. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "load_messages.h"

enum { DEPTH_MAX = 1024, CONNECTIONS_MAX = 4096, BUFFER_BYTES = 1 << 18, EVENTS = 256 };
static const double SECONDS_MAX = 600, ANSWER_DEADLINE_S = 10;
static const int64_t NS = 1000000000;

typedef struct { int64_t due_ns; Message *message; uint32_t stan; int used; } Request;
typedef struct {
    int fd, in_flight, closed, wants_write;
    unsigned char *received, *unsent;
    int received_bytes, unsent_from, unsent_to;
    size_t next_once;
    Request requests[DEPTH_MAX];
} Connection;

static struct { int port, connections, depth, json; double seconds, warm, rate; uint64_t seed; const char *file, *once; }
    option = { .connections = 1, .depth = 1, .seconds = 10, .seed = 1 };
static struct { long sent, answered, measured, timeouts, closed, unmatched, undecodable, by_code[65536]; int64_t last_ns; } count;
static size_t next_message;
static uint32_t *latencies_100ns;
static size_t latency_room;
static int64_t measure_from_ns, measure_to_ns;
static int poller;
static volatile sig_atomic_t stopped;

static void stop(int number) {
    (void)number;
    stopped = 1;
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS + now.tv_nsec;
}

/* ---- connections ---- */

static void watch(Connection *connection, int operation) {
    struct epoll_event event = { .events = EPOLLIN | (connection->wants_write ? EPOLLOUT : 0), .data.ptr = connection };
    epoll_ctl(poller, operation, connection->fd, &event);
}

static void open_connection(Connection *connection) {
    struct sockaddr_in where = { .sin_family = AF_INET, .sin_port = htons((uint16_t)option.port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int yes = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection->fd, (struct sockaddr *)&where, sizeof where)) fail("cannot connect");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(connection->fd, F_SETFL, O_NONBLOCK);
    connection->received = malloc(BUFFER_BYTES);
    connection->unsent = malloc(BUFFER_BYTES + DEPTH_MAX * (MESSAGE_MAX + 2));
    watch(connection, EPOLL_CTL_ADD);
}

static void close_connection(Connection *connection) {
    connection->closed = 1;
    count.closed++;
    count.timeouts += connection->in_flight;
    connection->in_flight = 0;
    close(connection->fd);
}

static void flush(Connection *connection) {
    while (connection->unsent_from < connection->unsent_to) {
        ssize_t sent = send(connection->fd, connection->unsent + connection->unsent_from,
                            (size_t)(connection->unsent_to - connection->unsent_from), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) { close_connection(connection); return; }
        if (sent < 0) break;
        connection->unsent_from += (int)sent;
    }
    int left = connection->unsent_from < connection->unsent_to;
    if (!left) connection->unsent_from = connection->unsent_to = 0;
    if (left != connection->wants_write) { connection->wants_write = left; watch(connection, EPOLL_CTL_MOD); }
}

/* Queues a message as it is; returns where its bytes stand. */
static unsigned char *add_message(Connection *connection, const Message *message) {
    unsigned char *frame = connection->unsent + connection->unsent_to;
    frame[0] = (unsigned char)(message->length >> 8);
    frame[1] = (unsigned char)message->length;
    memcpy(frame + 2, message->bytes, (size_t)message->length);
    connection->unsent_to += message->length + 2;
    connection->in_flight++;
    count.sent++;
    return frame + 2;
}

/* Queues the next message with a STAN and RRN of its own. */
static void add_request(Connection *connection, int64_t due_ns) {
    Message *message = &messages[next_message++ % message_count];
    unsigned char *body = add_message(connection, message);
    Request *request = connection->requests;
    char digits[32];
    while (request->used) request++;
    *request = (Request){ .due_ns = due_ns, .stan = (uint32_t)(option.seed % 999999 + 1), .used = 1 };
    snprintf(digits, sizeof digits, "%06u", request->stan);
    memcpy(body + message->stan_at, digits, 6);
    if (message->rrn_at >= 0) {
        snprintf(digits, sizeof digits, "%012llu", (unsigned long long)(option.seed % 1000000000000ull));
        memcpy(body + message->rrn_at, digits, 12);
    }
    option.seed++;
}

/* ---- answers ---- */

static void measure(int64_t waited_ns, int64_t now) {
    if (now < measure_from_ns || now > measure_to_ns) return;
    if ((size_t)count.measured == latency_room)
        latencies_100ns = realloc(latencies_100ns, (latency_room = latency_room ? 2 * latency_room : 1 << 20) * sizeof(uint32_t));
    int64_t units = waited_ns / 100;
    latencies_100ns[count.measured++] = units > UINT32_MAX ? UINT32_MAX : (uint32_t)units;
    count.last_ns = now;
}

/* The answer to the one message that the connection has in flight. */
static void keep_answer(Connection *connection, const unsigned char *answer, int length, int64_t now) {
    Request *request = connection->requests;
    if (!request->used) { count.unmatched++; return; }
    request->message->answer = malloc((size_t)length);
    request->message->answer_bytes = length;
    memcpy(request->message->answer, answer, (size_t)length);
    request->used = 0;
    connection->in_flight--;
    count.answered++;
    measure(now - request->due_ns, now);
}

static void take_answer(Connection *connection, const unsigned char *message, int length, int64_t now) {
    int at[43];
    if (option.once) { keep_answer(connection, message, length, now); return; }
    if (find_fields(message, length, at) || at[11] < 0) { count.undecodable++; return; }
    uint32_t stan = (uint32_t)decimal(message + at[11], 6);
    for (int i = 0; i < option.depth; i++) {
        Request *request = &connection->requests[i];
        if (!request->used || request->stan != stan) continue;
        request->used = 0;
        connection->in_flight--;
        count.answered++;
        count.by_code[at[39] < 0 ? 0 : message[at[39]] << 8 | message[at[39] + 1]]++;
        measure(now - request->due_ns, now);
        return;
    }
    count.unmatched++;
}

static void receive(Connection *connection) {
    ssize_t got = recv(connection->fd, connection->received + connection->received_bytes,
                       (size_t)(BUFFER_BYTES - connection->received_bytes), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) { close_connection(connection); return; }
    connection->received_bytes += (int)got;
    int64_t now = now_ns();
    int position = 0;
    while (connection->received_bytes - position >= 2) {
        const unsigned char *frame = connection->received + position;
        int length = frame[0] << 8 | frame[1];
        if (connection->received_bytes - position - 2 < length) break;
        if (length) take_answer(connection, frame + 2, length, now);
        position += length + 2;
    }
    connection->received_bytes -= position;
    memmove(connection->received, connection->received + position, (size_t)connection->received_bytes);
}

/* ---- the run ---- */

static void fill_closed_loop(Connection *connections, int64_t now) {
    for (Connection *one = connections; one < connections + option.connections; one++) {
        if (one->closed || one->in_flight >= option.depth || one->wants_write) continue;
        while (one->in_flight < option.depth) add_request(one, now);
        flush(one);
    }
}

/* Sends what is due, round robin; what finds every connection full stays due and its waiting counts. */
static void fill_open_loop(Connection *connections, int64_t begun_ns, int64_t end_ns, int64_t now) {
    static long scheduled, turn;
    for (int busy = 0; busy < option.connections;) {
        int64_t due = begun_ns + (int64_t)((double)scheduled * (double)NS / option.rate);
        if (due > now || due >= end_ns) return;
        Connection *one = &connections[turn++ % option.connections];
        if (one->closed || one->in_flight >= option.depth || one->wants_write) { busy++; continue; }
        busy = 0;
        scheduled++;
        add_request(one, due);
        flush(one);
    }
}

/* Sends each idle connection's next message; returns whether anything is left to send or to be answered. */
static int fill_once(Connection *connections, int64_t now) {
    int busy = 0;
    for (Connection *one = connections; one < connections + option.connections; one++) {
        if (one->closed) continue;
        if (!one->in_flight && one->next_once < message_count) {
            Message *message = &messages[one->next_once];
            one->next_once += (size_t)option.connections;
            one->requests[0] = (Request){ .due_ns = now, .message = message, .used = 1 };
            add_message(one, message);
            flush(one);
        }
        busy |= one->in_flight;
    }
    return busy;
}

static int in_flight(const Connection *connections) {
    int total = 0;
    for (int i = 0; i < option.connections; i++) total += connections[i].in_flight;
    return total;
}

static void run(Connection *connections) {
    struct epoll_event events[EVENTS];
    int64_t begun_ns = now_ns();
    measure_from_ns = begun_ns + (int64_t)(option.warm * (double)NS);
    measure_to_ns = measure_from_ns + (int64_t)(option.seconds * (double)NS);
    int64_t give_up_ns = measure_to_ns + (int64_t)(ANSWER_DEADLINE_S * (double)NS);
    for (;;) {
        int64_t now = now_ns();
        if (stopped && now < measure_to_ns) measure_to_ns = now, give_up_ns = now + (int64_t)(ANSWER_DEADLINE_S * (double)NS);
        if (now >= measure_to_ns && (option.once || !in_flight(connections))) break;
        if (now >= give_up_ns || count.closed == option.connections) break;
        if (option.once) { if (!fill_once(connections, now)) break; }
        else if (now < measure_to_ns && option.rate > 0) fill_open_loop(connections, begun_ns, measure_to_ns, now);
        else if (now < measure_to_ns) fill_closed_loop(connections, now);
        int ready = epoll_wait(poller, events, EVENTS, option.rate > 0 ? 1 : 20);
        for (int i = 0; i < ready; i++) {
            Connection *one = events[i].data.ptr;
            if (!one->closed && events[i].events & EPOLLOUT) flush(one);
            if (!one->closed && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(one);
        }
    }
    count.timeouts += in_flight(connections);
}

/* ---- the report ---- */

static void write_answers(void) {
    FILE *file = fopen(option.once, "w");
    if (!file) fail("cannot write the answers");
    for (size_t i = 0; i < message_count; i++) {
        for (int at = 0; at < messages[i].answer_bytes; at++) fprintf(file, "%02x", messages[i].answer[at]);
        fputc('\n', file);
    }
    if (fclose(file)) fail("cannot write the answers");
}

static int ascending(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

static double percentile_ms(double share) {
    return count.measured ? latencies_100ns[(size_t)((double)(count.measured - 1) * share)] / 1e4 : 0;
}

static void report(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    double window_s = count.measured ? (double)(count.last_ns - measure_from_ns) / 1e9 : option.seconds;
    qsort(latencies_100ns, (size_t)count.measured, sizeof(uint32_t), ascending);
    const char *form = option.json
        ? "{\"connections\": %d, \"depth\": %d, \"sent\": %ld, \"answered\": %ld, \"per_second\": %.1f, \"p50_ms\": %.3f, "
          "\"p99_ms\": %.3f, \"max_ms\": %.3f, \"timeouts\": %ld, \"closed\": %ld, \"unmatched\": %ld, "
          "\"undecodable\": %ld, \"window_s\": %.6f, \"driver_cpu_s\": %.6f, \"codes\": {"
        : "%d connections x %d: sent %ld, answered %ld, %.1f/s, p50 %.3f ms, p99 %.3f ms, max %.3f ms, timeouts %ld, "
          "closed %ld, unmatched %ld, undecodable %ld, window %.2f s, driver CPU %.2f s;";
    printf(form, option.connections, option.depth, count.sent, count.answered, (double)count.measured / window_s,
           percentile_ms(.5), percentile_ms(.99), percentile_ms(1), count.timeouts, count.closed, count.unmatched,
           count.undecodable, window_s, cpu_s);
    const char *comma = "";
    for (int code = 0; code < 65536; code++) {
        if (!count.by_code[code]) continue;
        char name[8] = "none";
        if (code) snprintf(name, sizeof name, "%c%c", code >> 8, code & 255);
        printf(option.json ? "%s\"%s\": %ld" : "%s %s=%ld", comma, name, count.by_code[code]);
        if (option.json) comma = ", ";
    }
    puts(option.json ? "}}" : "");
}

static void read_options(int words, char **word) {
    int letter;
    while ((letter = getopt(words, word, "p:m:c:d:t:w:s:r:o:j")) != -1) switch (letter) {
        case 'p': option.port = atoi(optarg); break;
        case 'm': option.file = optarg; break;
        case 'c': option.connections = atoi(optarg); break;
        case 'd': option.depth = atoi(optarg); break;
        case 't': option.seconds = atof(optarg); break;
        case 'w': option.warm = atof(optarg); break;
        case 's': option.seed = strtoull(optarg, NULL, 10); break;
        case 'r': option.rate = atof(optarg); break;
        case 'o': option.once = optarg; break;
        case 'j': option.json = 1; break;
        default: exit(2);
    }
    if (!option.port || !option.file) fail("-p PORT and -m FILE are needed");
    if (option.connections < 1 || option.connections > CONNECTIONS_MAX) fail("-c is out of range");
    if (option.depth < 1 || option.depth > DEPTH_MAX) fail("-d is out of range");
    if (option.once && (option.depth > 1 || option.rate > 0 || option.warm > 0)) fail("-o goes without -d, -r and -w");
    if (option.seconds <= 0 || option.warm < 0 || option.seconds + option.warm > SECONDS_MAX) fail("-t or -w is out of range");
}

int main(int words, char **word) {
    read_options(words, word);
    read_messages(option.file, option.once != NULL);
    signal(SIGTERM, stop);
    poller = epoll_create1(0);
    Connection *connections = calloc((size_t)option.connections, sizeof *connections);
    for (int i = 0; i < option.connections; i++) {
        open_connection(&connections[i]);
        connections[i].next_once = (size_t)i;
    }
    run(connections);
    if (option.once) write_answers();
    report();
    return 0;
}
