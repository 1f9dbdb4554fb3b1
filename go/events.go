// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"context"
	"os"
	"runtime"
	"sync"
	"time"
)

// EventKind is a kind of [Event], or several kinds combined with |.
type EventKind uint64

// The kinds of event; include/katacg.h describes each.
const (
	EventOOM          EventKind = 1
	EventOOMKill      EventKind = 2
	EventOOMGroupKill EventKind = 4
	EventMemoryHigh   EventKind = 8
	EventMemoryMax    EventKind = 16
	// EventEmpty: the last process has ended or left.
	EventEmpty   EventKind = 32
	EventFrozen  EventKind = 64
	EventThawed  EventKind = 128
	EventPidsMax EventKind = 256
	// EventPressure: tasks waited for a resource; see [EventOptions]. Kinds 0 does not include it.
	EventPressure EventKind = 512
	// EventThreshold: memory use crossed ThresholdBytes; see [EventOptions]. Kinds 0 does not include
	// it.
	EventThreshold EventKind = 1024
	// EventRemoved: the cgroup was removed. It is the last event.
	EventRemoved EventKind = 2048
)

// The values of an [EventRemoved].
const (
	// EventExact: the reported counts of OOMs and OOM kills are complete.
	EventExact uint64 = 0
	// EventAtLeast: there may have been more OOMs or OOM kills than were reported.
	EventAtLeast uint64 = 1
	// EventUnknown: another process removed the cgroup before its last counts could be read, and no
	// file has these counts.
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

// PressureMode tells for which cgroups v1 reports pressure.
type PressureMode uint64

// The modes of [EventPressure] on v1; include/katacg.h describes each.
const (
	PressureModeDefault   PressureMode = 0
	PressureModeHierarchy PressureMode = 1
	PressureModeLocal     PressureMode = 2
)

// EventOptions are the kinds to watch, and what two of them need.
type EventOptions struct {
	// Kinds are the kinds; 0 means all that the cgroup can report, without [EventPressure] and
	// [EventThreshold].
	Kinds EventKind
	// PressureResource, PressureFull, PressureStall and PressureWindow are for v2. An event is
	// reported when some tasks (with PressureFull, all) waited for the resource for PressureStall
	// within PressureWindow. PressureStall 0 means 200 ms, PressureWindow 0 means 2 s. Without
	// CAP_SYS_RESOURCE the window must be 2, 4, 6, 8 or 10 s.
	PressureResource PressureResource
	PressureFull     bool
	PressureStall    time.Duration
	PressureWindow   time.Duration
	// PressureLevel and PressureMode are for v1.
	PressureLevel PressureLevel
	PressureMode  PressureMode
	// ThresholdBytes is the memory use in bytes whose crossing [EventThreshold] reports.
	ThresholdBytes uint64
	// ThresholdInterval is how often memory use is compared with ThresholdBytes on v2, in whole
	// milliseconds. v1 does not use it.
	ThresholdInterval time.Duration
}

// Event is what happened to a cgroup.
type Event struct {
	Kind EventKind
	// Count is how often this kind happened since the last event of the kind.
	Count uint64
	// Value is [EventExact], [EventAtLeast] or [EventUnknown] for [EventRemoved], the bytes in use
	// for [EventThreshold], and for [EventPressure] the microseconds of waiting since the cgroup was
	// made (0 on v1). For other kinds it is the kernel's count since the cgroup was made, or 0 where
	// the kernel has no count.
	Value uint64
}

// Events watches one cgroup.
type Events struct {
	mutex   sync.Mutex
	guarded guarded[eventsHandle]
	// closed ends with Close, and with it the goroutines of channels that nobody reads.
	closed context.Context
	end    context.CancelFunc
}

// OpenEvents begins to watch for these kinds of event; 0 means all that the cgroup can report
// without options. The watch reports only what happens afterwards. The caller should close the
// watch. OpenEvents fails with [ErrDeleted] if the cgroup does not exist, and with [ErrUnsupported]
// if no file of the cgroup reports one of the kinds.
func (m *Manager) OpenEvents(kinds EventKind) (*Events, error) {
	return m.openEvents("Manager.OpenEvents", EventOptions{Kinds: kinds})
}

// OpenEventsWith does what [Manager.OpenEvents] does, with options. For [EventThreshold] it fails
// with [ErrArgument] without ThresholdBytes, and on v2 with [ErrUnsupported] without
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
	e.closed, e.end = context.WithCancel(context.Background())
	e.guarded.cleanup = runtime.AddCleanup(e, eventsFree, opened)
	return e, nil
}

func (e *Events) own() *guarded[eventsHandle] {
	if e == nil {
		return nil
	}
	return &e.guarded
}

// Read returns the events since the last call, at most one of each kind. It never waits.
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
// context ends, when a reading fails, or by [Events.Close], also when nobody reads the channel.
// Watch must not be called while another channel of this watch is open.
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
	ctx, cancel := context.WithCancel(ctx)
	stopClosed := context.AfterFunc(e.closed, cancel)
	// When the context ends, a deadline in the past ends a wait in Go's poller.
	stop := context.AfterFunc(ctx, func() { _ = file.SetReadDeadline(time.Unix(1, 0)) })
	go func() {
		defer close(out)
		defer file.Close()
		defer cancel()
		defer stop()
		defer stopClosed()
		e.pass(ctx, file, out)
	}()
	return out, nil
}

// pass reads events and sends them to out, until an [EventRemoved], an error or the context's end.
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
		if len(events) == 0 {
			waitReadable(file)
		}
	}
}

// waitReadable waits in Go's poller, which takes no thread, until the file is readable or its
// deadline has passed.
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
	if e != nil && e.end != nil {
		e.end()
	}
	e.own().close(eventsFree)
	return nil
}
