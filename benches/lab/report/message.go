// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/binary"
)

// stream parses one direction of a connection to the bus: lines of the handshake, then messages.
type stream struct {
	pending []byte
}

// feed adds bytes to the stream, and returns the messages that are complete now: the name of a
// method, signal or error, or "answer".
func (s *stream) feed(data []byte) []string {
	s.pending = append(s.pending, data...)
	var names []string
	for len(s.pending) > 0 {
		// The handshake begins with a zero byte. No line of it begins like a message.
		if s.pending[0] == 0 {
			s.pending = s.pending[1:]
			continue
		}
		if s.pending[0] != 'l' {
			end := bytes.Index(s.pending, []byte("\r\n"))
			if end < 0 {
				break
			}
			s.pending = s.pending[end+2:]
			continue
		}
		if len(s.pending) < 16 {
			break
		}
		fields := int(binary.LittleEndian.Uint32(s.pending[12:]))
		length := align(16+fields, 8) + int(binary.LittleEndian.Uint32(s.pending[4:]))
		if len(s.pending) < length {
			break
		}
		names = append(names, name(s.pending[1], s.pending[:16+fields]))
		s.pending = s.pending[length:]
	}
	return names
}

func name(kind byte, header []byte) string {
	const member, errorName = 3, 4
	switch kind {
	case 2:
		return "answer"
	case 3:
		return field(header, errorName)
	default:
		return field(header, member)
	}
}

// field returns the string of a header field.
func field(header []byte, wanted byte) string {
	for at := 16; at+4 <= len(header); {
		at = align(at, 8)
		code, signature := header[at], header[at+2]
		at += 4
		switch signature {
		case 'g':
			at += int(header[at]) + 2
		case 'u':
			at = align(at, 4) + 4
		default:
			at = align(at, 4)
			length := int(binary.LittleEndian.Uint32(header[at:]))
			at += 4
			if code == wanted {
				return string(header[at : at+length])
			}
			at += length + 1
		}
	}
	return "?"
}

func align(n, to int) int { return (n + to - 1) / to * to }
