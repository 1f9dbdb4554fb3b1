// SPDX-License-Identifier: Apache-2.0

package katacg

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"syscall"
)

// Paths returns the paths of the cgroup by subsystem; the key of cgroup2 is "". They need not
// exist yet.
func (m *Manager) Paths() (map[string]string, error) {
	text, err := m.text("Manager.Paths", managerPaths)
	if err != nil {
		return nil, err
	}
	return decodePaths(text)
}

// State returns what another process, or this one after a restart, needs to go on with this
// manager; give it to [LoadManager].
func (m *Manager) State() ([]byte, error) {
	return m.text("Manager.State", managerState)
}

// Path returns the path of one subsystem's cgroup: a v1 subsystem, or "" for cgroup2. On a unified
// host every name gives the one cgroup.
func (m *Manager) Path(subsystem string) (string, error) {
	handle, err := m.own().acquire("Manager.Path")
	if err != nil {
		return "", err
	}
	defer m.guarded.release()
	return managerPath("Manager.Path", handle, subsystem)
}

// Unit returns the unit of systemd's that the cgroup is, "prefix-name.scope" or "name.slice"; "" when
// it is none.
func (m *Manager) Unit() (string, error) {
	text, err := m.text("Manager.Unit", managerUnit)
	return string(text), err
}

// SetLog has warnings written to a file from now on, as ManagerOptions.Log does from the beginning;
// nil silences them. The managers of [LoadManager], [NewCgroup], [LoadCgroup] and [Manager.Parent] are
// silent at first. The file must stay open as long as the manager is used.
func (m *Manager) SetLog(log *os.File) error {
	const op = "Manager.SetLog"
	fd, err := logFd(op, log)
	if err != nil {
		return err
	}
	handle, err := m.own().acquire(op)
	if err != nil {
		return err
	}
	defer m.guarded.release()
	// One of several calls at once is the last, here and in the library.
	m.logging.Lock()
	defer m.logging.Unlock()
	if err := managerLog(op, handle, fd); err != nil {
		return err
	}
	m.log = log
	return nil
}

// logFd is -1 for no file.
func logFd(op string, log *os.File) (int32, error) {
	if log == nil {
		return -1, nil
	}
	raw := log.Fd()
	if raw > math.MaxInt32 {
		return -1, argumentError(op, "the log is closed")
	}
	return int32(raw), nil
}

// decodePaths reads {"cpu":"/path",...}, where {"hex":"..."} is a path that is not UTF-8.
func decodePaths(text []byte) (map[string]string, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, badPaths(text)
	}
	out := make(map[string]string, len(raw))
	for subsystem, value := range raw {
		var path string
		if json.Unmarshal(value, &path) != nil {
			var coded struct{ Hex string }
			bytes, err := []byte(nil), json.Unmarshal(value, &coded)
			if err == nil {
				bytes, err = hex.DecodeString(coded.Hex)
			}
			if err != nil {
				return nil, badPaths(text)
			}
			path = string(bytes)
		}
		out[subsystem] = path
	}
	return out, nil
}

func badPaths(text []byte) error {
	return &Error{
		Op: "Manager.Paths", Code: CodePanic, Errno: syscall.ENOTRECOVERABLE,
		Message: fmt.Sprintf("bug in libkatacg: paths that cannot be read: %.300s", text),
	}
}
