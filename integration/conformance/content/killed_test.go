// SPDX-License-Identifier: Apache-2.0

package content

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	"github.com/containerd/containerd/content"
	"github.com/containerd/containerd/content/proxy"
	"github.com/containerd/containerd/errdefs"
	"github.com/containerd/containerd/namespaces"
	"google.golang.org/grpc"
)

// one service that is killed and started again over the same files
type mortal struct {
	t    *testing.T
	root string
	cmd  *exec.Cmd
	conn *grpc.ClientConn
	cs   content.Store
}

func newMortal(t *testing.T) *mortal {
	if os.Getenv("ROSS_CONTENTD") == "" {
		t.Skip("ROSS_CONTENTD is not set")
	}
	m := &mortal{t: t, root: t.TempDir()}
	t.Cleanup(m.kill)
	m.start()
	return m
}

func (m *mortal) start() {
	m.cmd = exec.Command(os.Getenv("ROSS_CONTENTD"), "--root", filepath.Join(m.root, "r"), "--state", filepath.Join(m.root, "s"), "--snapshotter-address", "")
	m.cmd.Stderr = os.Stderr
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	conn, err := dial(filepath.Join(m.root, "s", "contentd.sock"))
	if err != nil {
		m.t.Fatal(err)
	}
	m.conn, m.cs = conn, proxy.NewContentStore(contentapi.NewContentClient(conn))
}

func (m *mortal) kill() {
	if m.cmd == nil || m.cmd.Process == nil {
		return
	}
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait()
	m.cmd = nil
	if m.conn != nil {
		m.conn.Close()
	}
}

// what the service has read from files
func (m *mortal) readBytes() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", m.cmd.Process.Pid))
	if err != nil {
		m.t.Fatal(err)
	}
	var n int64
	for _, line := range strings.Split(string(text), "\n") {
		if _, err := fmt.Sscanf(line, "rchar: %d", &n); err == nil {
			return n
		}
	}
	m.t.Fatal("no rchar")
	return 0
}

func (m *mortal) files(dir string) int {
	entries, err := os.ReadDir(filepath.Join(m.root, "r", "content", dir))
	if err != nil {
		m.t.Fatal(err)
	}
	return len(entries)
}

// TestKilledResume: after kill -9 a write goes on near where it was, with the right digest, and nothing is read back for it.
func TestKilledResume(t *testing.T) {
	const piece, written, size = 1 << 20, 40 << 20, 64 << 20
	m := newMortal(t)
	ctx := namespaces.WithNamespace(context.Background(), "killed")
	p, d := blob(size)
	w, err := m.cs.Writer(ctx, content.WithRef("resume"), content.WithDescriptor(d))
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < written; at += piece {
		if _, err := w.Write(p[at : at+piece]); err != nil {
			t.Fatal(err)
		}
	}
	m.kill()
	m.start()
	before := m.readBytes()
	if w, err = m.cs.Writer(ctx, content.WithRef("resume"), content.WithDescriptor(d)); err != nil {
		t.Fatal(err)
	}
	st, err := w.Status()
	if err != nil {
		t.Fatal(err)
	}
	// a row is written every 16 MiB
	if st.Offset < written-16<<20 || st.Offset > written || st.Total != size {
		t.Fatalf("it goes on at %d of %d", st.Offset, st.Total)
	}
	if want := d.Digest.Algorithm().FromBytes(p[:st.Offset]); w.Digest() != want {
		t.Errorf("the digest so far is %s, not %s", w.Digest(), want)
	}
	for at := int(st.Offset); at < size; at += piece {
		if _, err := w.Write(p[at : at+piece]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(ctx, size, d.Digest); err != nil {
		t.Fatal(err)
	}
	if n := m.readBytes() - before; n > 2<<20 {
		t.Errorf("%d bytes were read to resume", n)
	} else {
		t.Logf("resumed at %d MiB of %d, %d KiB read", st.Offset>>20, size>>20, n>>10)
	}
	got, err := content.ReadBlob(ctx, m.cs, d)
	if err != nil || !bytes.Equal(got, p) {
		t.Errorf("read: %v, %d bytes", err, len(got))
	}
}

// TestKilledOneDigest: of clients that write the same blob one commits and the others are told that it exists; killed in between, all
// succeed by trying again, and one file is left.
func TestKilledOneDigest(t *testing.T) {
	const clients = 16
	m := newMortal(t)
	ctx := namespaces.WithNamespace(context.Background(), "same")
	p, d := blob(3 << 20)
	var wg sync.WaitGroup
	results := make([]error, clients)
	for c := range results {
		wg.Add(1)
		go func(c int) {
			defer wg.Done()
			results[c] = func() error {
				w, err := m.cs.Writer(ctx, content.WithRef(fmt.Sprint("ref-", c)), content.WithDescriptor(d))
				if err != nil {
					return err
				}
				defer w.Close()
				for at := 0; at < len(p); at += 1 << 20 {
					if _, err := w.Write(p[at : at+1<<20]); err != nil {
						return err
					}
				}
				return w.Commit(ctx, d.Size, d.Digest)
			}()
		}(c)
	}
	wg.Wait()
	committed := 0
	for c, err := range results {
		if err == nil {
			committed++
		} else if !errdefs.IsAlreadyExists(err) {
			t.Errorf("client %d: %v", c, err)
		}
	}
	if committed != 1 || m.files("blobs/sha256") != 1 || m.files("ingest") != 0 {
		t.Errorf("%d committed, %d blobs, %d ingests", committed, m.files("blobs/sha256"), m.files("ingest"))
	}

	// all with one ref, and the service dies while they write
	q, e := blob(20 << 20)
	write := func() {
		for c := range results {
			wg.Add(1)
			go func(c int) {
				defer wg.Done()
				results[c] = content.WriteBlob(ctx, m.cs, "one-ref", struct{ io.Reader }{bytes.NewReader(q)}, e)
			}(c)
		}
	}
	write()
	for st, err := m.cs.Status(ctx, "one-ref"); err != nil || st.Offset == 0; st, err = m.cs.Status(ctx, "one-ref") {
		if _, err := m.cs.Info(ctx, e.Digest); err == nil {
			break // they were faster
		}
	}
	m.kill()
	wg.Wait()
	m.start()
	write()
	wg.Wait()
	for c, err := range results {
		if err != nil {
			t.Errorf("client %d tries again: %v", c, err)
		}
	}
	got, err := content.ReadBlob(ctx, m.cs, e)
	if err != nil || !bytes.Equal(got, q) {
		t.Errorf("read: %v, %d bytes", err, len(got))
	}
	if m.files("blobs/sha256") != 2 || m.files("ingest") != 0 {
		t.Errorf("%d blobs, %d ingests", m.files("blobs/sha256"), m.files("ingest"))
	}
}
