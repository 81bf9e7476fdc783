// SPDX-License-Identifier: Apache-2.0

// Measures a content service behind a socket through containerd's Go proxy client: one line "NAME VALUE" a figure.
//
//	content-bench ADDRESS NAMESPACE MODE     MODE: speed PID | big | write N | read N | info N | beside | many N OTHER | null
//
// many gives OTHER a hundred blobs and ADDRESS N, and looks things up in both by turns. null serves ADDRESS itself and throws away what is written: what the client could reach with a store that costs nothing.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	leasesapi "github.com/containerd/containerd/api/services/leases/v1"
	"github.com/containerd/containerd/content"
	"github.com/containerd/containerd/content/proxy"
	"github.com/containerd/containerd/leases"
	"github.com/containerd/containerd/namespaces"
	"github.com/containerd/containerd/pkg/dialer"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc"
)

const big = 256 << 20

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "content-bench:", err)
		os.Exit(1)
	}
}

var unique = time.Now().UnixNano()

// fresh gives bytes that no store has yet.
func fresh(n int) ([]byte, ocispec.Descriptor) {
	p := make([]byte, n)
	_, err := rand.Read(p)
	must(err)
	return p, ocispec.Descriptor{MediaType: "application/octet-stream", Digest: digest.FromBytes(p), Size: int64(n)}
}

func write(ctx context.Context, cs content.Store, ref string, p []byte, d ocispec.Descriptor) {
	w, err := cs.Writer(ctx, content.WithRef(ref), content.WithDescriptor(d))
	must(err)
	for at := 0; at < len(p); at += 1 << 20 {
		end := at + 1<<20
		if end > len(p) {
			end = len(p)
		}
		_, err = w.Write(p[at:end])
		must(err)
	}
	must(w.Commit(ctx, d.Size, d.Digest))
	must(w.Close())
}

func median(v []float64) float64 {
	sort.Float64s(v)
	return v[len(v)/2]
}

// bigWrites writes n blobs of one size, each from the same memory but for a few bytes.
func bigWrites(ctx context.Context, cs content.Store, n int) {
	p, _ := fresh(big)
	var took time.Duration
	for i := 0; i < n; i++ {
		copy(p, fmt.Sprintf("%d-%d", unique, i))
		d := ocispec.Descriptor{Digest: digest.FromBytes(p), Size: big}
		start := time.Now()
		write(ctx, cs, fmt.Sprintf("write-%d-%d", unique, i), p, d)
		took += time.Since(start)
		must(cs.Delete(ctx, d.Digest))
	}
	fmt.Printf("write_256MiB_MB/s %.0f\n", float64(n)*float64(big)/1e6/took.Seconds())
}

func readAll(ctx context.Context, cs content.Store, d ocispec.Descriptor) {
	buf := make([]byte, 1<<20)
	ra, err := cs.ReaderAt(ctx, d)
	must(err)
	_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{io.NewSectionReader(ra, 0, d.Size)}, buf)
	must(err)
	must(ra.Close())
}

func bigReads(ctx context.Context, cs content.Store, n int) {
	p, d := fresh(big)
	write(ctx, cs, fmt.Sprintf("read-%d", unique), p, d)
	start := time.Now()
	for i := 0; i < n; i++ {
		readAll(ctx, cs, d)
	}
	fmt.Printf("read_256MiB_MB/s %.0f\n", float64(n)*float64(big)/1e6/time.Since(start).Seconds())
	must(cs.Delete(ctx, d.Digest))
}

func infos(ctx context.Context, cs content.Store, n int) {
	p, d := fresh(2048)
	write(ctx, cs, fmt.Sprintf("info-%d", unique), p, d)
	start := time.Now()
	for i := 0; i < n; i++ {
		_, err := cs.Info(ctx, d.Digest)
		must(err)
	}
	fmt.Printf("info_per_s %.0f\n", float64(n)/time.Since(start).Seconds())
}

func bigBlobs(ctx context.Context, cs content.Store) {
	var writes, reads []float64
	for i := 0; i < 5; i++ {
		p, d := fresh(big)
		start := time.Now()
		write(ctx, cs, fmt.Sprintf("big-%d-%d", unique, i), p, d)
		writes = append(writes, float64(big)/1e6/time.Since(start).Seconds())
		start = time.Now()
		readAll(ctx, cs, d)
		reads = append(reads, float64(big)/1e6/time.Since(start).Seconds())
		must(cs.Delete(ctx, d.Digest))
	}
	fmt.Printf("write_256MiB_MB/s %.0f\n", median(writes))
	fmt.Printf("read_256MiB_MB/s %.0f\n", median(reads))
}

func smallBlobs(ctx context.Context, cs content.Store, clients, each int) float64 {
	var wg sync.WaitGroup
	start := time.Now()
	for c := 0; c < clients; c++ {
		wg.Add(1)
		go func(c int) {
			defer wg.Done()
			for i := 0; i < each; i++ {
				p, d := fresh(2048)
				write(ctx, cs, fmt.Sprintf("small-%d-%d-%d-%d", unique, clients, c, i), p, d)
			}
		}(c)
	}
	wg.Wait()
	return float64(clients*each) / time.Since(start).Seconds()
}

// list walks all blobs: microseconds for each, and up to 1000 digests spread over them.
func list(ctx context.Context, cs content.Store, expected int) (float64, []digest.Digest) {
	var some []digest.Digest
	start := time.Now()
	n := 0
	must(cs.Walk(ctx, func(i content.Info) error {
		if n%(expected/1000+1) == 0 {
			some = append(some, i.Digest)
		}
		n++
		return nil
	}))
	took := time.Since(start)
	if n < expected {
		must(fmt.Errorf("%d blobs are listed, not %d", n, expected))
	}
	return float64(took.Microseconds()) / float64(n), some
}

func look(ctx context.Context, cs content.Store, some []digest.Digest, n int) float64 {
	start := time.Now()
	for i := 0; i < n; i++ {
		_, err := cs.Info(ctx, some[i%len(some)])
		must(err)
	}
	return float64(n) / time.Since(start).Seconds()
}

func lookups(ctx context.Context, cs content.Store) {
	us, some := list(ctx, cs, 1)
	fmt.Printf("list_us_per_blob %.1f\n", us)
	fmt.Printf("info_per_s %.0f\n", look(ctx, cs, some, 2000))
}

// fill writes n blobs as fast as they go in: many clients, and a blob is one message.
func fill(ctx context.Context, api contentapi.ContentClient, n int) {
	const clients = 32
	var wg sync.WaitGroup
	for c := 0; c < clients; c++ {
		wg.Add(1)
		go func(c int) {
			defer wg.Done()
			for i := c; i < n; i += clients {
				p, d := fresh(2048)
				stream, err := api.Write(ctx)
				must(err)
				must(stream.Send(&contentapi.WriteContentRequest{Action: contentapi.WriteActionCommit, Ref: fmt.Sprintf("fill-%d-%d", unique, i),
					Total: d.Size, Expected: d.Digest, Data: p}))
				rp, err := stream.Recv()
				must(err)
				if rp.Offset != d.Size || rp.Digest != d.Digest {
					must(fmt.Errorf("a blob of %d bytes was committed as %d bytes", d.Size, rp.Offset))
				}
				must(stream.CloseSend())
				if _, err = stream.Recv(); err != io.EOF {
					must(fmt.Errorf("a commit does not end its stream: %v", err))
				}
			}
		}(c)
	}
	wg.Wait()
}

// many compares look-ups in a store of a hundred blobs and in one of n, by turns, so that a busy machine is busy for both.
func many(ctx context.Context, conns [2]*grpc.ClientConn, n int) {
	const rounds = 15
	var lists, infos [2][]float64
	var stores [2]content.Store
	sizes := [2]int{100, n}
	for s, conn := range conns {
		api := contentapi.NewContentClient(conn)
		stores[s] = proxy.NewContentStore(api)
		start := time.Now()
		fill(ctx, api, sizes[s])
		fmt.Fprintf(os.Stderr, "%d blobs were written in %.0f s\n", sizes[s], time.Since(start).Seconds())
	}
	for i := 0; i < rounds; i++ {
		for s, cs := range stores {
			us, some := list(ctx, cs, sizes[s])
			lists[s] = append(lists[s], us)
			infos[s] = append(infos[s], look(ctx, cs, some, 500))
		}
	}
	fmt.Printf("%-30s %12d %10d   ratio\n", "blobs", sizes[0], sizes[1])
	for _, row := range []struct {
		name string
		v    [2][]float64
	}{{"info_per_s", infos}, {"list_us_per_blob", lists}} {
		few, all := median(row.v[0]), median(row.v[1])
		fmt.Printf("%-30s %12.1f %10.1f  %6.2f\n", row.name, few, all, all/few)
	}
}

// besideWrite: what four clients wait for an Info while 256 MiB are written.
func besideWrite(ctx context.Context, cs content.Store) {
	p, d := fresh(2048)
	write(ctx, cs, fmt.Sprintf("beside-%d", unique), p, d)
	const clients = 4
	var took [clients][]float64
	var wg sync.WaitGroup
	done := make(chan struct{})
	for c := 0; c < clients; c++ {
		wg.Add(1)
		go func(c int) {
			defer wg.Done()
			for {
				select {
				case <-done:
					return
				default:
				}
				start := time.Now()
				_, err := cs.Info(ctx, d.Digest)
				must(err)
				took[c] = append(took[c], float64(time.Since(start).Microseconds())/1000)
			}
		}(c)
	}
	b, bd := fresh(big)
	write(ctx, cs, fmt.Sprintf("beside-big-%d", unique), b, bd)
	close(done)
	wg.Wait()
	must(cs.Delete(ctx, bd.Digest))
	var all []float64
	for _, t := range took {
		all = append(all, t...)
	}
	fmt.Printf("info_beside_write_median_ms %.2f\n", median(all))
	fmt.Printf("info_beside_write_p99_ms %.2f\n", all[len(all)*99/100])
}

// memory of the server by its pid, in MB
func rss(pid string) float64 {
	p, err := os.ReadFile("/proc/" + pid + "/status")
	must(err)
	for _, line := range bytes.Split(p, []byte("\n")) {
		var kb float64
		if _, err := fmt.Sscanf(string(line), "VmRSS: %f kB", &kb); err == nil {
			return kb / 1024
		}
	}
	return 0
}

func count() int {
	n, err := strconv.Atoi(os.Args[4])
	must(err)
	return n
}

func dial(address string) *grpc.ClientConn {
	conn, err := grpc.Dial(dialer.DialAddress(address), grpc.WithInsecure(), grpc.WithContextDialer(dialer.ContextDialer),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20), grpc.MaxCallSendMsgSize(16<<20)))
	must(err)
	return conn
}

func main() {
	address, ns, mode := os.Args[1], os.Args[2], os.Args[3]
	ctx := namespaces.WithNamespace(context.Background(), ns)
	switch mode {
	case "null":
		serveNull(address)
		return
	case "many": // no collection is asked for, so no lease is needed
		many(ctx, [2]*grpc.ClientConn{dial(os.Args[5]), dial(address)}, count())
		return
	}
	conn := dial(address)
	l, err := leasesapi.NewLeasesClient(conn).Create(ctx, &leasesapi.CreateRequest{ID: fmt.Sprintf("bench-%d", unique)})
	must(err)
	ctx = leases.WithLease(ctx, l.Lease.ID)
	cs := proxy.NewContentStore(contentapi.NewContentClient(conn))
	switch mode {
	case "speed":
		_ = smallBlobs(ctx, cs, 1, 100) // warm
		fmt.Printf("small_2KiB_1_client_per_s %.0f\n", smallBlobs(ctx, cs, 1, 500))
		fmt.Printf("small_2KiB_8_clients_per_s %.0f\n", smallBlobs(ctx, cs, 8, 200))
		bigBlobs(ctx, cs)
		besideWrite(ctx, cs)
		lookups(ctx, cs)
		fmt.Printf("server_MB %.1f\n", rss(os.Args[4]))
	case "big":
		bigBlobs(ctx, cs)
	case "write":
		bigWrites(ctx, cs, count())
	case "read":
		bigReads(ctx, cs, count())
	case "beside":
		besideWrite(ctx, cs)
	case "info":
		infos(ctx, cs, count())
	}
}
