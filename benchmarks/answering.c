/* A host that costs next to nothing: answers every frame with a 2-byte length by itself, the third digit of its
   ASCII message type made that of an answer. Started as `answering PORT`; ends after ten minutes.
   gcc -O2 -o answering answering.c */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { CONNECTIONS = 4096, BUFFER = 1 << 17 };
static struct { unsigned char *bytes; size_t size; } in[CONNECTIONS];

static int answer(int fd) {
    ssize_t got = read(fd, in[fd].bytes + in[fd].size, BUFFER - in[fd].size);
    if (got <= 0) return -1;
    size_t size = in[fd].size + got, at = 0;
    while (at + 2 <= size) {
        size_t frame = 2 + (in[fd].bytes[at] << 8 | in[fd].bytes[at + 1]);
        if (at + frame > size) break;
        in[fd].bytes[at + 4] = '1';
        at += frame;
    }
    for (size_t sent = 0; sent < at;) {
        ssize_t n = write(fd, in[fd].bytes + sent, at - sent);
        if (n <= 0) return -1;
        sent += n;
    }
    memmove(in[fd].bytes, in[fd].bytes + at, in[fd].size = size - at);
    return 0;
}

int main(int argc, char **argv) {
    int on = 1, poll = epoll_create1(0), door = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    alarm(600);
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(door, (struct sockaddr *)&address, sizeof address) || listen(door, 1024)) return 1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = door}, events[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, door, &event);
    for (;;) {
        int ready = epoll_wait(poll, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == door) {
                if ((fd = accept(door, 0, 0)) < 0) continue;
                if (fd >= CONNECTIONS) { close(fd); continue; }
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                if (!in[fd].bytes) in[fd].bytes = malloc(BUFFER);
                in[fd].size = 0;
                event.events = EPOLLIN;
                event.data.fd = fd;
                epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
            } else if (answer(fd)) {
                close(fd);
            }
        }
    }
}
