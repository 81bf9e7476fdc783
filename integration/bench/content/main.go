// SPDX-License-Identifier: Apache-2.0

// Measures a content service behind a socket through containerd's Go proxy client: one line "NAME VALUE" a figure.
//
//	content-bench ADDRESS NAMESPACE MODE     MODE: speed PID | big | write N | read N | info N | beside | fill N | null
//
// null serves ADDRESS itself and throws away what is written: what the client could reach with a store that costs nothing.
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

func lookups(ctx context.Context, cs content.Store) {
	var some []digest.Digest
	start := time.Now()
	n := 0
	must(cs.Walk(ctx, func(i content.Info) error {
		n++
		if len(some) < 1000 {
			some = append(some, i.Digest)
		}
		return nil
	}))
	took := time.Since(start)
	fmt.Printf("blobs %d\n", n)
	fmt.Printf("list_us_per_blob %.1f\n", float64(took.Microseconds())/float64(n))
	start = time.Now()
	for i := 0; i < 2000; i++ {
		_, err := cs.Info(ctx, some[i%len(some)])
		must(err)
	}
	fmt.Printf("info_per_s %.0f\n", 2000/time.Since(start).Seconds())
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

func main() {
	address, ns, mode := os.Args[1], os.Args[2], os.Args[3]
	if mode == "null" {
		serveNull(address)
		return
	}
	conn, err := grpc.Dial(dialer.DialAddress(address), grpc.WithInsecure(), grpc.WithContextDialer(dialer.ContextDialer),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20), grpc.MaxCallSendMsgSize(16<<20)))
	must(err)
	ctx := namespaces.WithNamespace(context.Background(), ns)
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
	case "fill":
		n := count()
		fmt.Printf("fill_per_s %.0f\n", smallBlobs(ctx, cs, 16, n/16))
		lookups(ctx, cs)
	}
}
