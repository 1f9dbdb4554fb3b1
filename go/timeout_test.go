// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"math"
	"testing"
	"time"
)

func TestMillisecondsRoundsUpAndSaturates(t *testing.T) {
	for d, want := range map[time.Duration]uint32{
		math.MinInt64: 0, -1: 0, 0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2,
		time.Hour: 3600000, math.MaxInt64: math.MaxUint32,
	} {
		if got := milliseconds(d); got != want {
			t.Errorf("%d ns: %d ms, want %d", d, got, want)
		}
	}
}
