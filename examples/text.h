/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that examples/top.c and examples/watch.c print: a buffer that grows, and cgroup names, which
 * are bytes that anybody may have chosen. A terminal must not obey them.
 */
#ifndef TEXT_H
#define TEXT_H

#include <langinfo.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* A zeroed struct is an empty text. */
struct text {
    char *bytes;
    size_t length, size;
};

static inline void *must_have(void *memory) {
    if (!memory) {
        fputs("no memory\n", stderr);
        exit(1);
    }
    return memory;
}

static inline void text_add(struct text *text, const char *bytes, size_t length) {
    if (text->size - text->length < length + 1) {
        text->size = 2 * text->size + length + 1;
        text->bytes = must_have(realloc(text->bytes, text->size));
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

static inline void text_print(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds up to 255 bytes. */
static inline void text_print(struct text *text, const char *format, ...) {
    char bytes[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(bytes, sizeof(bytes), format, arguments);
    va_end(arguments);
    text_add(text, bytes, strlen(bytes));
}

/* Returns the length of the UTF-8 character at the beginning, or 0 if there is none. */
static inline int utf8_length(const char *at, uint32_t *character) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)at;
    int length, i;

    length = bytes[0] < 0x80                        ? 1
             : bytes[0] >= 0xc2 && bytes[0] <= 0xdf ? 2
             : (bytes[0] & 0xf0) == 0xe0            ? 3
             : bytes[0] >= 0xf0 && bytes[0] <= 0xf4 ? 4
                                                    : 0;
    *character = length > 1 ? bytes[0] & (0x7fu >> length) : bytes[0];
    for (i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        *character = *character << 6 | (bytes[i] & 0x3f);
    }
    if (*character < least[length] || *character > 0x10ffff || (*character & ~0x7ffu) == 0xd800)
        return 0;
    return length;
}

static inline int utf8_terminal(void) {
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/*
 * Writes the next character of a name as it can be shown, and moves the name past it. Control
 * characters, also those of UTF-8 that a terminal obeys, characters without a width (they turn or
 * hide others) and bytes that are no text become \xNN. Returns the width in columns.
 */
static inline int next_shown(const char **name, char shown[8]) {
    uint32_t character;
    int length = utf8_length(*name, &character);
    int width = length == 1                     ? (character >= ' ' && character < 0x7f)
                : length > 1 && utf8_terminal() ? wcwidth((wchar_t)character)
                                                : 0;

    if (width < 1) {
        snprintf(shown, 8, "\\x%02x", (unsigned char)*(*name)++);
        return 4;
    }
    memcpy(shown, *name, (size_t)length);
    shown[length] = '\0';
    *name += length;
    return width;
}

/* Adds a name as it can be shown. Returns its width in columns. */
static inline int text_name(struct text *text, const char *name) {
    char shown[8];
    int width = 0;

    while (*name) {
        width += next_shown(&name, shown);
        text_add(text, shown, strlen(shown));
    }
    return width;
}

/* Adds a name as a JSON string, or as {"hex":"..."} if it is not UTF-8, as the library does. */
static inline void text_json(struct text *text, const char *name) {
    const char *at;
    uint32_t character;
    int length;

    for (at = name; *at && (length = utf8_length(at, &character)) > 0; at += length)
        ;
    if (*at) {
        text_print(text, "{\"hex\":\"");
        for (at = name; *at; at++)
            text_print(text, "%02x", (unsigned char)*at);
        text_print(text, "\"}");
        return;
    }
    text_print(text, "\"");
    for (at = name; *at; at++) {
        if (*at == '"' || *at == '\\')
            text_print(text, "\\%c", *at);
        else if ((unsigned char)*at < ' ' || *at == 0x7f)
            text_print(text, "\\u%04x", (unsigned)*at);
        else
            text_add(text, at, 1);
    }
    text_print(text, "\"");
}

#endif
