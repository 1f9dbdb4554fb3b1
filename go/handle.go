// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"runtime"
	"sync"
	"syscall"
)

// guarded owns a C handle; the zero handle means closed. A call holds the lock for reading and
// close holds it for writing. So the handle is freed once, and never during a call.
type guarded[H comparable] struct {
	mu      sync.RWMutex
	handle  H
	cleanup runtime.Cleanup
}

// acquire returns the handle. The caller must call release unless acquire failed.
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
	// The garbage collector must not free the handle before the call returns.
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
