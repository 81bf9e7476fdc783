// SPDX-License-Identifier: Apache-2.0

// Runs containerd's own content test suite against our content service through containerd's proxy client. Each test gets a
// service of its own when ROSS_CONTENTD names our binary, else all share ROSS_ADDRESS (any containerd's socket).
package content

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	"github.com/containerd/containerd/content"
	"github.com/containerd/containerd/content/proxy"
	"github.com/containerd/containerd/content/testsuite"
	"github.com/containerd/containerd/namespaces"
	"github.com/containerd/containerd/pkg/dialer"
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
	log, err := os.Create(filepath.Join(root, "log"))
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(binary, "--root", filepath.Join(root, "r"), "--state", filepath.Join(root, "s"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	return filepath.Join(root, "s", "contentd"), func() error {
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

var sequence int64

// inNamespaces gives every context that the suite asks for a namespace of its own.
func inNamespaces(ctx context.Context) (context.Context, func(context.Context) error, error) {
	name := fmt.Sprintf("suite-%d-%d", os.Getpid(), atomic.AddInt64(&sequence, 1))
	return namespaces.WithNamespace(ctx, name), func(context.Context) error { return nil }, nil
}

// opener makes stores at the socket with this suffix.
func opener(suffix string, named bool) testsuite.StoreInitFn {
	return func(ctx context.Context, root string) (context.Context, content.Store, func() error, error) {
		address, stop := os.Getenv("ROSS_ADDRESS"), func() error { return nil }
		if binary := os.Getenv("ROSS_CONTENTD"); binary != "" {
			var err error
			if address, stop, err = start(binary, root); err != nil {
				return nil, nil, nil, err
			}
			address += suffix
		}
		conn, err := dial(address)
		if err != nil {
			_ = stop()
			return nil, nil, nil, err
		}
		if named {
			ctx = testsuite.SetContextWrapper(ctx, inNamespaces)
		}
		return ctx, proxy.NewContentStore(contentapi.NewContentClient(conn)), func() error {
			if err := conn.Close(); err != nil {
				return err
			}
			return stop()
		}, nil
	}
}

// The socket for a containerd's proxy_plugins.
func TestPlain(t *testing.T) {
	if os.Getenv("ROSS_CONTENTD") == "" {
		t.Skip("ROSS_ADDRESS is a containerd, which has no plain store")
	}
	testsuite.ContentSuite(t, "plain", opener("-plugin.sock", false))
}

func TestNamed(t *testing.T) {
	testsuite.ContentSuite(t, "named", opener(".sock", true))
}

func TestShared(t *testing.T) {
	testsuite.ContentCrossNSSharedSuite(t, "shared", opener(".sock", true))
}
