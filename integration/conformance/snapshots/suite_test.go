// SPDX-License-Identifier: Apache-2.0

// Runs containerd's own snapshot test suite against a snapshots service behind a socket, through containerd's proxy
// client. Each test gets a service of its own when ROSS_SNAPSHOTTER names our binary, else all share ROSS_ADDRESS.
package snapshots

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/pkg/dialer"
	"github.com/containerd/containerd/snapshots"
	"github.com/containerd/containerd/snapshots/proxy"
	"github.com/containerd/containerd/snapshots/testsuite"
	"google.golang.org/grpc"
)

func dial(address string) (*grpc.ClientConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return grpc.DialContext(ctx, dialer.DialAddress(address), grpc.WithBlock(),
		grpc.WithInsecure(), grpc.WithContextDialer(dialer.ContextDialer))
}

// start runs our service with its data below root; stop ends it and reports how it ended.
func start(binary, root string) (address string, stop func() error, err error) {
	address = filepath.Join(root, "s.sock")
	log, err := os.Create(filepath.Join(root, "log"))
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(binary, "--root", filepath.Join(root, "r"), "--state", filepath.Join(root, "s"), "--address", address)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	return address, func() error {
		defer log.Close()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		if err := cmd.Wait(); err != nil {
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("service: %w: %s", err, text)
		}
		return nil
	}, nil
}

func open(ctx context.Context, root string) (snapshots.Snapshotter, func() error, error) {
	address, stop := os.Getenv("ROSS_ADDRESS"), func() error { return nil }
	if binary := os.Getenv("ROSS_SNAPSHOTTER"); binary != "" {
		var err error
		if address, stop, err = start(binary, root); err != nil {
			return nil, nil, err
		}
	}
	conn, err := dial(address)
	if err != nil {
		_ = stop()
		return nil, nil, err
	}
	s := proxy.NewSnapshotter(snapshotsapi.NewSnapshotsClient(conn), name())
	return s, func() error {
		if err := conn.Close(); err != nil {
			return err
		}
		return stop()
	}, nil
}

func name() string {
	if n := os.Getenv("ROSS_SNAPSHOTTER_NAME"); n != "" {
		return n
	}
	return "overlayfs" // the suite knows by this name that a lower directory cannot be renamed
}

func TestSnapshotter(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: the suite mounts")
	}
	testsuite.SnapshotterSuite(t, name(), open)
}
