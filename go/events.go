// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"context"
	"os"
	"runtime"
	"sync"
	"time"
)

// EventKind is a kind of [Event], or a set of kinds combined with |.
type EventKind uint64

// The kinds of event; include/katacg.h describes each.
const (
	EventOOM          EventKind = 1
	EventOOMKill      EventKind = 2
	EventOOMGroupKill EventKind = 4
	EventMemoryHigh   EventKind = 8
	EventMemoryMax    EventKind = 16
	// EventEmpty: the last process is gone.
	EventEmpty   EventKind = 32
	EventFrozen  EventKind = 64
	EventThawed  EventKind = 128
	EventPidsMax EventKind = 256
	// EventPressure: tasks waited for a resource; see [EventOptions]. It must be asked for.
	EventPressure EventKind = 512
	// EventThreshold: memory use crossed a number of bytes; see [EventOptions]. It must be asked
	// for.
	EventThreshold EventKind = 1024
	// EventRemoved: the cgroup was removed. It is the last event.
	EventRemoved EventKind = 2048
)

// The values of an [EventRemoved].
const (
	// EventExact: the counts of OOM kills that were told are complete.
	EventExact uint64 = 0
	// EventAtLeast: there may have been more than was told, as the parent cgroup or v1 says.
	EventAtLeast uint64 = 1
	// EventUnknown: another process removed the cgroup before its last counts could be read, and
	// nothing tells what they were.
	EventUnknown uint64 = 2
)

// PressureResource is what the tasks of a cgroup wait for.
type PressureResource uint64

// The resources of [EventPressure] on v2.
const (
	PressureMemory PressureResource = 0
	PressureCPU    PressureResource = 1
	PressureIO     PressureResource = 2
)

// PressureLevel is a level of memory pressure on v1.
type PressureLevel uint64

// The levels of [EventPressure] on v1.
const (
	PressureLow      PressureLevel = 0
	PressureMedium   PressureLevel = 1
	PressureCritical PressureLevel = 2
)

// PressureMode is whose pressure v1 tells.
type PressureMode uint64

// The modes of [EventPressure] on v1; include/katacg.h describes each.
const (
	PressureModeDefault   PressureMode = 0
	PressureModeHierarchy PressureMode = 1
	PressureModeLocal     PressureMode = 2
)

// EventOptions are the kinds to watch, and what two of them need.
type EventOptions struct {
	// Kinds are the kinds; 0 means all that the cgroup has, without [EventPressure] and
	// [EventThreshold].
	Kinds EventKind
	// PressureResource, PressureFull, PressureStall and PressureWindow are for v2: an event each
	// time when some tasks (or all) waited for the resource for PressureStall in a PressureWindow.
	// Zero means 200 ms in 2 s. Without CAP_SYS_RESOURCE the window must be 2, 4, 6, 8 or 10 s.
	PressureResource PressureResource
	PressureFull     bool
	PressureStall    time.Duration
	PressureWindow   time.Duration
	// PressureLevel and PressureMode are for v1.
	PressureLevel PressureLevel
	PressureMode  PressureMode
	// ThresholdBytes is the memory use that [EventThreshold] tells the crossing of.
	ThresholdBytes uint64
	// ThresholdInterval is how often memory use is looked at on v2, in whole milliseconds.
	ThresholdInterval time.Duration
}

// Event is what happened to a cgroup.
type Event struct {
	Kind EventKind
	// Count is how often it happened since the last event of its kind.
	Count uint64
	// Value is [EventExact], [EventAtLeast] or [EventUnknown] for [EventRemoved], the bytes in use
	// for [EventThreshold], and the microseconds of waiting for [EventPressure]. For other kinds it
	// is the kernel's count since the cgroup was made, or 0 where the kernel has none.
	Value uint64
}

// Events watches one cgroup.
type Events struct {
	mutex   sync.Mutex
	guarded guarded[eventsHandle]
}

// OpenEvents begins to watch for these kinds of event, or with 0 for all that the cgroup has. Only
// what happens afterwards is told. The caller should close the watch. OpenEvents fails with
// [ErrDeleted] when the cgroup does not exist, and with [ErrUnsupported] when no file of the cgroup
// tells one of the kinds.
func (m *Manager) OpenEvents(kinds EventKind) (*Events, error) {
	return m.openEvents("Manager.OpenEvents", EventOptions{Kinds: kinds})
}

// OpenEventsWith does what [Manager.OpenEvents] does, with options. It fails with [ErrArgument] for
// [EventThreshold] without ThresholdBytes, and with [ErrUnsupported] on v2 without
// ThresholdInterval.
func (m *Manager) OpenEventsWith(options EventOptions) (*Events, error) {
	return m.openEvents("Manager.OpenEventsWith", options)
}

func (m *Manager) openEvents(op string, options EventOptions) (*Events, error) {
	handle, err := m.own().acquire(op)
	if err != nil {
		return nil, err
	}
	defer m.guarded.release()
	opened, err := eventsOpen(op, handle, options)
	if err != nil {
		return nil, err
	}
	e := &Events{guarded: guarded[eventsHandle]{handle: opened}}
	e.guarded.cleanup = runtime.AddCleanup(e, eventsFree, opened)
	return e, nil
}

func (e *Events) own() *guarded[eventsHandle] {
	if e == nil {
		return nil
	}
	return &e.guarded
}

// Read returns what happened since the last call. It never waits.
func (e *Events) Read() ([]Event, error) {
	const op = "Events.Read"
	handle, err := e.own().acquire(op)
	if err != nil {
		return nil, err
	}
	defer e.guarded.release()
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return eventsRead(op, handle)
}

// Watch returns a channel of the events. The channel is closed after an [EventRemoved], when the
// context ends, when a reading fails, or some time after [Events.Close]. Watch must not be called
// while another channel of this watch is open.
func (e *Events) Watch(ctx context.Context) (<-chan Event, error) {
	const op = "Events.Watch"
	handle, err := e.own().acquire(op)
	if err != nil {
		return nil, err
	}
	defer e.guarded.release()
	file, err := eventsFile(op, handle)
	if err != nil {
		return nil, err
	}
	out := make(chan Event)
	// Ends a wait in the poller.
	stop := context.AfterFunc(ctx, func() { _ = file.SetReadDeadline(time.Unix(1, 0)) })
	go func() {
		defer close(out)
		defer file.Close()
		defer stop()
		e.pass(ctx, file, out)
	}()
	return out, nil
}

// closedCheck is how often a waiting goroutine looks whether the watch was closed.
const closedCheck = time.Second

func (e *Events) pass(ctx context.Context, file *os.File, out chan<- Event) {
	for ctx.Err() == nil {
		events, err := e.Read()
		if err != nil {
			return
		}
		for _, event := range events {
			select {
			case out <- event:
			case <-ctx.Done():
				return
			}
			if event.Kind == EventRemoved {
				return
			}
		}
		if len(events) > 0 {
			continue
		}
		_ = file.SetReadDeadline(time.Now().Add(closedCheck))
		if ctx.Err() != nil {
			return
		}
		waitReadable(file)
	}
}

// waitReadable waits in Go's poller, which costs no thread.
func waitReadable(file *os.File) {
	conn, err := file.SyscallConn()
	if err != nil {
		return
	}
	first := true
	_ = conn.Read(func(uintptr) bool {
		again := !first
		first = false
		return again
	})
}

// Close ends the watch. It always returns nil and may be called more than once.
func (e *Events) Close() error {
	e.own().close(eventsFree)
	return nil
}
