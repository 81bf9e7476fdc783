// SPDX-License-Identifier: Apache-2.0

package content

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	contentapi "github.com/containerd/containerd/api/services/content/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	leasesapi "github.com/containerd/containerd/api/services/leases/v1"
	nsapi "github.com/containerd/containerd/api/services/namespaces/v1"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/content"
	"github.com/containerd/containerd/content/proxy"
	"github.com/containerd/containerd/errdefs"
	"github.com/containerd/containerd/leases"
	"github.com/containerd/containerd/namespaces"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// one service of our own for a test
type service struct {
	t    *testing.T
	conn *grpc.ClientConn
	cs   content.Store
	pid  int
	root string
}

func newService(t *testing.T) *service {
	binary := os.Getenv("ROSS_CONTENTD")
	if binary == "" {
		t.Skip("ROSS_CONTENTD is not set")
	}
	root := t.TempDir()
	address, stop, err := start(binary, root)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dial(address + ".sock")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
		if text, _ := os.ReadFile(filepath.Join(root, "log")); strings.Contains(string(text), "locked:") || strings.Contains(string(text), "level=error") {
			t.Errorf("log: %s", text)
		}
	})
	s := &service{t: t, conn: conn, cs: proxy.NewContentStore(contentapi.NewContentClient(conn)), root: root}
	text, err := os.ReadFile(filepath.Join(root, "r", "ross-contentd.lock"))
	if err != nil {
		t.Fatal(err)
	}
	s.pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
	return s
}

// private memory in MB
func (s *service) memory() float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", s.pid))
	var sum, kb float64
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "Private_") {
			fmt.Sscanf(line[strings.Index(line, ":")+1:], "%f kB", &kb)
			sum += kb
		}
	}
	return sum / 1024
}

func number(name string, normal int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return normal
}

func blob(n int) ([]byte, ocispec.Descriptor) {
	p := make([]byte, n)
	rand.Read(p)
	return p, ocispec.Descriptor{Digest: digest.FromBytes(p), Size: int64(n)}
}

// TestLoad: 64 writers and readers at once, many blobs and leases: nothing fails, every byte read is right.
func TestLoad(t *testing.T) {
	s := newService(t)
	blobs, leaseCount := number("LOAD_BLOBS", 4000), number("LOAD_LEASES", 1000)
	ctx := namespaces.WithNamespace(context.Background(), "load")
	api := leasesapi.NewLeasesClient(s.conn)
	hold, err := api.Create(ctx, &leasesapi.CreateRequest{ID: "hold"})
	if err != nil {
		t.Fatal(err)
	}
	held := leases.WithLease(ctx, hold.Lease.ID)
	const workers = 64
	var wg sync.WaitGroup
	for w := 0; w < workers; w++ {
		wg.Add(1)
		go func(w int) {
			defer wg.Done()
			for i := 0; i < blobs/workers; i++ {
				p, d := blob(1 + rand.Intn(20000))
				if err := content.WriteBlob(held, s.cs, fmt.Sprintf("r-%d-%d", w, i), bytes.NewReader(p), d); err != nil {
					t.Errorf("write: %v", err)
					return
				}
				got, err := content.ReadBlob(ctx, s.cs, d)
				if err != nil || !bytes.Equal(got, p) {
					t.Errorf("read: %v, %d of %d bytes", err, len(got), len(p))
					return
				}
				if i%8 == 0 {
					if _, err := s.cs.Update(ctx, content.Info{Digest: d.Digest, Labels: map[string]string{"n": fmt.Sprint(i)}}, "labels.n"); err != nil {
						t.Errorf("update: %v", err)
					}
				}
			}
			for i := 0; i < leaseCount/workers; i++ {
				if _, err := api.Create(ctx, &leasesapi.CreateRequest{ID: fmt.Sprintf("l-%d-%d", w, i)}); err != nil {
					t.Errorf("lease: %v", err)
				}
			}
		}(w)
	}
	wg.Wait()
	n := 0
	if err := s.cs.Walk(ctx, func(content.Info) error { n++; return nil }); err != nil || n != blobs/workers*workers {
		t.Errorf("%d blobs are listed: %v", n, err)
	}
	// everything but the held blobs goes: the leases first, then a collection that must keep all
	if _, err := api.Delete(ctx, &leasesapi.DeleteRequest{ID: "l-0-0", Sync: true}); err != nil {
		t.Error(err)
	}
	m := 0
	if err := s.cs.Walk(ctx, func(content.Info) error { m++; return nil }); err != nil || m != n {
		t.Errorf("a collection left %d of %d held blobs: %v", m, n, err)
	}
	t.Logf("%d blobs, %.1f MB private memory", n, s.memory())
}

// TestSlowReaders: readers that stop reading do not make the service grow.
func TestSlowReaders(t *testing.T) {
	s := newService(t)
	ctx := namespaces.WithNamespace(context.Background(), "slow")
	p, d := blob(64 << 20)
	if err := content.WriteBlob(ctx, s.cs, "big", struct{ io.Reader }{bytes.NewReader(p)}, d); err != nil {
		t.Fatal(err)
	}
	api := contentapi.NewContentClient(s.conn)
	before := s.memory()
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	const readers = 200
	for i := 0; i < readers; i++ {
		stream, err := api.Read(stop, &contentapi.ReadContentRequest{Digest: d.Digest})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil && err != io.EOF {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Second) // what could pile up does so in this time
	// 16 MB of large pieces for all of them together, and small pieces and a thread's stack for each
	grown := s.memory() - before
	if grown > 16+readers*0.25 {
		t.Errorf("%d readers at rest cost %.0f MB", readers, grown)
	}
	t.Logf("%d readers at rest cost %.1f MB", readers, grown)
	// and the others are served meanwhile
	got, err := content.ReadBlob(ctx, s.cs, d)
	if err != nil || !bytes.Equal(got, p) {
		t.Errorf("a reader beside them: %v, %d bytes", err, len(got))
	}
}

// TestVanishedWriter: a client that goes away in the middle of a stream, or with its whole connection, frees its ref.
func TestVanishedWriter(t *testing.T) {
	s := newService(t)
	ctx := namespaces.WithNamespace(context.Background(), "gone")
	const rounds = 50
	waits := 0
	// one byte at the offset; a client of containerd tries again while the ref is locked
	write := func(api contentapi.ContentClient, ctx context.Context, at int64) {
		for until := time.Now().Add(30 * time.Second); ; waits++ {
			stream, err := api.Write(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.Send(&contentapi.WriteContentRequest{Action: contentapi.WriteActionWrite, Ref: "ref", Data: []byte("x"), Offset: at}); err != nil {
				t.Fatal(err)
			}
			if _, err = stream.Recv(); err == nil {
				return
			}
			if code(err) != codes.Unavailable || time.Now().After(until) {
				t.Fatalf("round %d: %v", at, err)
			}
		}
	}
	for i := 0; i < rounds; i++ {
		if i%2 == 0 {
			stop, cancel := context.WithCancel(ctx)
			write(contentapi.NewContentClient(s.conn), stop, int64(i))
			cancel()
			continue
		}
		conn, err := dial(filepath.Join(s.root, "s", "contentd.sock"))
		if err != nil {
			t.Fatal(err)
		}
		write(contentapi.NewContentClient(conn), ctx, int64(i))
		conn.Close()
	}
	st, err := s.cs.Status(ctx, "ref")
	if err != nil || st.Offset != rounds {
		t.Errorf("status %+v: %v", st, err)
	}
	t.Logf("%d writers vanished, the ref was still locked %d times", rounds, waits)
}

func code(err error) codes.Code { return status.Code(err) }

// refusesBytes: a NUL, and what is not UTF-8, in every kind of name, over every service.
func (s *service) refusesBytes(ctx context.Context) {
	cs, images := contentapi.NewContentClient(s.conn), imagesapi.NewImagesClient(s.conn)
	boxes, leased, spaces := containersapi.NewContainersClient(s.conn), leasesapi.NewLeasesClient(s.conn), nsapi.NewNamespacesClient(s.conn)
	for _, bad := range []string{"a\x00b", "\x00", "a\xffb", "a\xed\xa0\x80"} {
		target := types.Descriptor{MediaType: "m", Digest: digest.FromString("x"), Size_: 1}
		labels := map[string]string{bad: "v"}
		calls := map[string]func() error{
			"info":   func() error { _, err := cs.Info(ctx, &contentapi.InfoRequest{Digest: digest.Digest(bad)}); return err },
			"status": func() error { _, err := cs.Status(ctx, &contentapi.StatusRequest{Ref: bad}); return err },
			"abort":  func() error { _, err := cs.Abort(ctx, &contentapi.AbortRequest{Ref: bad}); return err },
			"list statuses": func() error {
				_, err := cs.ListStatuses(ctx, &contentapi.ListStatusesRequest{Filters: []string{bad}})
				return err
			},
			"image name": func() error {
				_, err := images.Create(ctx, &imagesapi.CreateImageRequest{Image: imagesapi.Image{Name: bad, Target: target}})
				return err
			},
			"image label": func() error {
				_, err := images.Create(ctx, &imagesapi.CreateImageRequest{Image: imagesapi.Image{Name: "i", Target: target, Labels: labels}})
				return err
			},
			"image get":    func() error { _, err := images.Get(ctx, &imagesapi.GetImageRequest{Name: bad}); return err },
			"image delete": func() error { _, err := images.Delete(ctx, &imagesapi.DeleteImageRequest{Name: bad}); return err },
			"container":    func() error { _, err := boxes.Get(ctx, &containersapi.GetContainerRequest{ID: bad}); return err },
			"container label": func() error {
				_, err := boxes.Create(ctx, &containersapi.CreateContainerRequest{Container: containersapi.Container{ID: "c", Labels: labels}})
				return err
			},
			"lease": func() error { _, err := leased.Create(ctx, &leasesapi.CreateRequest{ID: bad}); return err },
			"lease label": func() error {
				_, err := leased.Create(ctx, &leasesapi.CreateRequest{ID: "l", Labels: labels})
				return err
			},
			"lease filter": func() error { _, err := leased.List(ctx, &leasesapi.ListRequest{Filters: []string{bad}}); return err },
			"namespace": func() error {
				_, err := spaces.Create(ctx, &nsapi.CreateNamespaceRequest{Namespace: nsapi.Namespace{Name: bad}})
				return err
			},
			"namespace header": func() error {
				_, err := cs.Info(metadata.AppendToOutgoingContext(context.Background(), "containerd-namespace", strings.Repeat("n", 5000)), &contentapi.InfoRequest{Digest: digest.FromString("x")})
				return err
			},
		}
		for what, call := range calls {
			if err := call(); code(err) != codes.InvalidArgument {
				s.t.Errorf("%s %q: %v", what, bad, err)
			}
		}
	}
}

// TestHostile: refused with InvalidArgument (or by the transport), and nothing is stored.
func TestHostile(t *testing.T) {
	s := newService(t)
	ctx := namespaces.WithNamespace(context.Background(), "bad")
	api := contentapi.NewContentClient(s.conn)
	for _, d := range []string{"", "sha256:", "sha256:../../../etc/passwd", "sha256:" + strings.Repeat("A", 64), "md5:" + strings.Repeat("a", 32),
		"sha256:" + strings.Repeat("a", 65), "sha256/" + strings.Repeat("a", 64), strings.Repeat("x", 1<<20)} {
		if _, err := api.Info(ctx, &contentapi.InfoRequest{Digest: digest.Digest(d)}); code(err) != codes.InvalidArgument {
			t.Errorf("info of %.40q: %v", d, err)
		}
		if _, err := api.Delete(ctx, &contentapi.DeleteContentRequest{Digest: digest.Digest(d)}); code(err) != codes.InvalidArgument {
			t.Errorf("delete of %.40q: %v", d, err)
		}
		if stream, err := api.Read(ctx, &contentapi.ReadContentRequest{Digest: digest.Digest(d)}); err == nil {
			if _, err = stream.Recv(); code(err) != codes.InvalidArgument {
				t.Errorf("read of %.40q: %v", d, err)
			}
		}
	}
	writes := []contentapi.WriteContentRequest{
		{Action: contentapi.WriteActionStat, Ref: ""},
		{Action: contentapi.WriteActionStat, Ref: strings.Repeat("r", 5000)},
		{Action: contentapi.WriteActionStat, Ref: "a", Expected: "sha256:zz"},
		{Action: 17, Ref: "a"},
		{Action: contentapi.WriteActionStat, Ref: "a", Expected: "sha256:../../x"},
		{Action: contentapi.WriteActionStat, Ref: "a\x00b"},
		{Action: contentapi.WriteActionStat, Ref: "a\xff"},
		{Action: contentapi.WriteActionCommit, Ref: "a", Labels: map[string]string{"k": "v\x00"}},
	}
	for i := range writes {
		stream, err := api.Write(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&writes[i]); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); code(err) != codes.InvalidArgument {
			t.Errorf("write %d: %v", i, err)
		}
	}
	s.refusesBytes(ctx)
	// labels beyond the limit at a commit
	w, err := s.cs.Writer(ctx, content.WithRef("labels"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("labelled")); err != nil {
		t.Fatal(err)
	}
	err = w.Commit(ctx, 8, digest.FromString("labelled"), content.WithLabels(map[string]string{"k": strings.Repeat("v", 4096)}))
	if !errdefs.IsInvalidArgument(err) {
		t.Errorf("commit with a huge label: %v", err)
	}
	w.Close()
	if _, err := s.cs.Info(ctx, digest.FromString("labelled")); !errdefs.IsNotFound(err) {
		t.Errorf("it was stored: %v", err)
	}
	// a ref is a name, not a path
	climb, err := s.cs.Writer(ctx, content.WithRef("../../../climb"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := climb.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	climb.Close()
	for _, dir := range []string{"..", "../..", "../../.."} {
		if _, err := os.Lstat(filepath.Join(s.root, "r", "content", "ingest", dir, "climb")); err == nil {
			t.Errorf("a ref with .. made a file in %s", dir)
		}
	}
	if err := s.cs.Abort(ctx, "../../../climb"); err != nil {
		t.Error(err)
	}
	// a message beyond 16 MiB
	stream, err := api.Write(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_ = stream.Send(&contentapi.WriteContentRequest{Action: contentapi.WriteActionWrite, Ref: "huge", Data: make([]byte, 17<<20)})
	if _, err := stream.Recv(); code(err) != codes.ResourceExhausted && code(err) != codes.InvalidArgument {
		t.Errorf("a message of 17 MiB: %v", err)
	}
	statuses, err := s.cs.ListStatuses(ctx)
	if err != nil || len(statuses) != 1 || statuses[0].Ref != "labels" {
		t.Errorf("left behind: %+v %v", statuses, err)
	}
	if _, err := s.cs.Info(context.Background(), digest.FromString("x")); !errdefs.IsNotFound(err) {
		t.Errorf("without a namespace: %v", err)
	}
	if _, err := s.cs.Info(namespaces.WithNamespace(context.Background(), "a.b-c"), digest.FromString("x")); !errdefs.IsNotFound(err) {
		t.Errorf("with a good namespace: %v", err)
	}
}

// TestCollectBeside: collections run one after the other while clients pull: each writes the blobs of its image and one that all images share, under
// a lease, then the record, then gives up the lease. What an image needs is never taken, and what nobody needs goes.
func TestCollectBeside(t *testing.T) {
	s := newService(t)
	ctx := namespaces.WithNamespace(context.Background(), "collect")
	leased, images := leasesapi.NewLeasesClient(s.conn), imagesapi.NewImagesClient(s.conn)
	base, based := blob(5000)
	check := func(p []byte, d ocispec.Descriptor) error {
		got, err := content.ReadBlob(ctx, s.cs, d)
		if err == nil && !bytes.Equal(got, p) {
			err = fmt.Errorf("%d bytes are not what was written", len(got))
		}
		return err
	}
	pull := func(name string) error {
		if _, err := leased.Create(ctx, &leasesapi.CreateRequest{ID: name}); err != nil {
			return err
		}
		held := leases.WithLease(ctx, name)
		layer, layerd := blob(3000)
		manifest, manifestd := blob(500)
		refs := map[string]string{"containerd.io/gc.ref.content.l.0": string(based.Digest), "containerd.io/gc.ref.content.l.1": string(layerd.Digest)}
		if err := content.WriteBlob(held, s.cs, name+"-base", bytes.NewReader(base), based); err != nil {
			return fmt.Errorf("base: %w", err)
		}
		if err := check(base, based); err != nil {
			return fmt.Errorf("base under the lease: %w", err)
		}
		if err := content.WriteBlob(held, s.cs, name+"-layer", bytes.NewReader(layer), layerd); err != nil {
			return fmt.Errorf("layer: %w", err)
		}
		if err := content.WriteBlob(held, s.cs, name+"-manifest", bytes.NewReader(manifest), manifestd, content.WithLabels(refs)); err != nil {
			return fmt.Errorf("manifest: %w", err)
		}
		target := types.Descriptor{MediaType: "m", Digest: manifestd.Digest, Size_: manifestd.Size}
		if _, err := images.Create(held, &imagesapi.CreateImageRequest{Image: imagesapi.Image{Name: name, Target: target}}); err != nil {
			return err
		}
		if _, err := leased.Delete(ctx, &leasesapi.DeleteRequest{ID: name, Sync: rand.Intn(2) == 0}); err != nil {
			return err
		}
		for _, err := range []error{check(base, based), check(layer, layerd), check(manifest, manifestd)} {
			if err != nil {
				return fmt.Errorf("in the image: %w", err)
			}
		}
		if _, err := images.Delete(ctx, &imagesapi.DeleteImageRequest{Name: name, Sync: true}); err != nil {
			return err
		}
		if _, err := s.cs.Info(ctx, layerd.Digest); !errdefs.IsNotFound(err) {
			return fmt.Errorf("the layer of a removed image stays: %v", err)
		}
		return nil
	}
	// a write without a lease goes on for the whole time
	slow, slowd := blob(1000)
	w, err := s.cs.Writer(ctx, content.WithRef("slow"), content.WithDescriptor(slowd))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(slow[:500]); err != nil {
		t.Fatal(err)
	}
	var pullers, collector sync.WaitGroup
	done := make(chan struct{})
	collections := 0
	collector.Add(1)
	go func() {
		defer collector.Done()
		for ; ; collections++ {
			select {
			case <-done:
				return
			default:
			}
			id := fmt.Sprint("collect-", collections)
			if _, err := leased.Create(ctx, &leasesapi.CreateRequest{ID: id}); err != nil {
				t.Error(err)
				return
			}
			if _, err := leased.Delete(ctx, &leasesapi.DeleteRequest{ID: id, Sync: true}); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	const clients = 8
	pulls := number("LOAD_PULLS", 200)
	for c := 0; c < clients; c++ {
		pullers.Add(1)
		go func(c int) {
			defer pullers.Done()
			for i := 0; i < pulls/clients; i++ {
				if err := pull(fmt.Sprintf("image-%d-%d", c, i)); err != nil {
					t.Errorf("client %d, pull %d: %v", c, i, err)
					return
				}
			}
		}(c)
	}
	pullers.Wait()
	close(done)
	collector.Wait()
	if _, err := w.Write(slow[500:]); err != nil {
		t.Error(err)
	}
	if err := w.Commit(ctx, slowd.Size, slowd.Digest); err != nil {
		t.Errorf("the slow write: %v", err)
	}
	if _, err := leased.Create(ctx, &leasesapi.CreateRequest{ID: "last"}); err != nil {
		t.Error(err)
	}
	if _, err := leased.Delete(ctx, &leasesapi.DeleteRequest{ID: "last", Sync: true}); err != nil {
		t.Error(err)
	}
	if files, err := os.ReadDir(filepath.Join(s.root, "r", "content", "blobs", "sha256")); err != nil || len(files) != 0 {
		t.Errorf("%d blobs are left: %v", len(files), err)
	}
	t.Logf("%d pulls beside %d collections", pulls, collections)
}
