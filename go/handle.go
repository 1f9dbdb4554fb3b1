// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"runtime"
	"sync"
	"syscall"
)

// guarded owns a C handle; the zero handle means closed. Calls hold the lock for reading and
// closing holds it for writing: a handle is freed once, and never under a call.
type guarded[H comparable] struct {
	mu      sync.RWMutex
	handle  H
	cleanup runtime.Cleanup
}

// acquire gives the handle to a call, which has to release it unless there is an error.
func (g *guarded[H]) acquire(op string) (H, error) {
	var none H
	if g == nil {
		return none, closedError(op)
	}
	g.mu.RLock()
	if g.handle == none {
		g.mu.RUnlock()
		return none, closedError(op)
	}
	return g.handle, nil
}

func (g *guarded[H]) release() {
	g.mu.RUnlock()
	// Not collected, so not freed, before the call is over.
	runtime.KeepAlive(g)
}

func (g *guarded[H]) close(free func(H)) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var none H
	if g.handle == none {
		return
	}
	g.cleanup.Stop()
	free(g.handle)
	g.handle = none
}

func closedError(op string) error {
	return &Error{
		Op: op, Code: CodeClosed, Errno: syscall.EBADF, Message: "katacg: " + op + ": closed",
	}
}
