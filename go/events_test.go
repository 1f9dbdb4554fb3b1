// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg_test

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"testing"
	"time"

	katacg "github.com/kata-containers/libkatacg/go"
)

// next returns the next event of a kind.
func next(t *testing.T, events <-chan katacg.Event, kind katacg.EventKind) katacg.Event {
	t.Helper()
	for {
		select {
		case event, ok := <-events:
			if !ok {
				t.Fatalf("the channel closed before %d", kind)
			}
			if event.Kind == kind {
				return event
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("no event %d", kind)
		}
	}
}

func closes(t *testing.T, events <-chan katacg.Event) {
	t.Helper()
	end := time.After(20 * time.Second)
	for {
		select {
		case _, ok := <-events:
			if !ok {
				return
			}
		case <-end:
			t.Fatal("the channel stays open")
		}
	}
}

func TestEventsTellWhatHappensUntilTheRemoval(t *testing.T) {
	_, m, _ := box(t)
	apply(t, m, -1)
	watch, err := m.OpenEvents(0)
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	events, err := watch.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Freeze(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	next(t, events, katacg.EventFrozen)
	if err := m.Thaw(); err != nil {
		t.Fatal(err)
	}
	next(t, events, katacg.EventThawed)
	if err := m.Destroy(); err != nil {
		t.Fatal(err)
	}
	next(t, events, katacg.EventRemoved)
	closes(t, events)
}

func TestEventsLeaveNoGoroutine(t *testing.T) {
	_, m, _ := box(t)
	apply(t, m, -1)
	before := runtime.NumGoroutine()
	for range 20 {
		watch, err := m.OpenEvents(0)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		events, err := watch.Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		closes(t, events)
		if err := watch.Close(); err != nil {
			t.Error(err)
		}
	}
	watch, err := m.OpenEvents(0)
	if err != nil {
		t.Fatal(err)
	}
	events, err := watch.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Close(); err != nil {
		t.Error(err)
	}
	closes(t, events)
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, before %d", runtime.NumGoroutine(), before)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestCloseEndsAChannelThatNobodyReads(t *testing.T) {
	_, m, _ := box(t)
	apply(t, m, -1)
	before := runtime.NumGoroutine()
	watch, err := m.OpenEvents(0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.Freeze(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := m.Thaw(); err != nil {
		t.Fatal(err)
	}
	if err := m.Destroy(); err != nil {
		t.Fatal(err)
	}
	// Time for the goroutine to read an event, which it cannot send.
	time.Sleep(500 * time.Millisecond)
	if err := watch.Close(); err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, before %d", runtime.NumGoroutine(), before)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestEventsOfUnknownKindsAreRefused(t *testing.T) {
	_, m, _ := box(t)
	apply(t, m, -1)
	if _, err := m.OpenEvents(4096); !errors.Is(err, katacg.ErrArgument) {
		t.Error(err)
	}
	if _, err := m.OpenEvents(katacg.EventThreshold); !errors.Is(err, katacg.ErrArgument) {
		t.Error(err)
	}
	unknown := katacg.EventOptions{Kinds: katacg.EventPressure, PressureResource: 3}
	if _, err := m.OpenEventsWith(unknown); !errors.Is(err, katacg.ErrArgument) {
		t.Error(err)
	}
}

func TestEventsTellPressureAndLeaveNoGoroutine(t *testing.T) {
	_, m, _ := box(t)
	apply(t, m, -1)
	before := runtime.NumGoroutine()
	options := katacg.EventOptions{
		Kinds:            katacg.EventPressure | katacg.EventRemoved,
		PressureResource: katacg.PressureCPU,
		PressureStall:    time.Millisecond,
	}
	watch, err := m.OpenEventsWith(options)
	if errors.Is(err, katacg.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	events, err := watch.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		busy := exec.Command("sh", "-c", "while :; do :; done")
		if err := busy.Start(); err != nil {
			t.Fatal(err)
		}
		defer busy.Wait()
		defer busy.Process.Kill()
		if err := m.Add([]int{busy.Process.Pid}, katacg.AddOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if event := next(t, events, katacg.EventPressure); event.Value < 1000 {
		t.Errorf("%d microseconds", event.Value)
	}
	if err := watch.Close(); err != nil {
		t.Error(err)
	}
	closes(t, events)
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, before %d", runtime.NumGoroutine(), before)
		}
		time.Sleep(time.Millisecond)
	}
}
