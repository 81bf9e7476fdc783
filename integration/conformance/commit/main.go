// SPDX-License-Identifier: Apache-2.0

// commit ADDRESS SNAPSHOTTER CONTAINER IMAGE: what `nerdctl commit` does, with containerd's own client: the difference between a container's
// snapshot and its parent becomes a layer (rootfs.CreateDiff, so the Diff service), config and manifest are written, the image is created.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/containerd/containerd"
	"github.com/containerd/containerd/content"
	"github.com/containerd/containerd/diff"
	"github.com/containerd/containerd/images"
	"github.com/containerd/containerd/namespaces"
	"github.com/containerd/containerd/platforms"
	"github.com/containerd/containerd/rootfs"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go/v1"
)

func must(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "commit: %s: %v\n", what, err)
		os.Exit(1)
	}
}

func write(ctx context.Context, cs content.Store, mediaType string, value interface{}, labels map[string]string) v1.Descriptor {
	data, err := json.Marshal(value)
	must(err, "marshal")
	desc := v1.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	must(content.WriteBlob(ctx, cs, desc.Digest.String(), bytes.NewReader(data), desc, content.WithLabels(labels)), "write "+mediaType)
	return desc
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: commit ADDRESS SNAPSHOTTER CONTAINER IMAGE")
		os.Exit(2)
	}
	client, err := containerd.New(os.Args[1])
	must(err, "connect")
	ctx, done, err := client.WithLease(namespaces.WithNamespace(context.Background(), "default"))
	must(err, "lease")
	defer done(ctx)
	cs := client.ContentStore()

	container, err := client.LoadContainer(ctx, os.Args[3])
	must(err, "container")
	info, err := container.Info(ctx)
	must(err, "container")
	base, err := container.Image(ctx)
	must(err, "image")
	manifest, err := images.Manifest(ctx, cs, base.Target(), platforms.Default())
	must(err, "manifest")
	var config v1.Image
	data, err := content.ReadBlob(ctx, cs, manifest.Config)
	must(err, "config")
	must(json.Unmarshal(data, &config), "config")

	layer, err := rootfs.CreateDiff(ctx, info.SnapshotKey, client.SnapshotService(os.Args[2]), client.DiffService(),
		diff.WithMediaType(v1.MediaTypeImageLayerGzip))
	must(err, "diff")
	blob, err := cs.Info(ctx, layer.Digest)
	must(err, "layer")
	diffID, err := digest.Parse(blob.Labels["containerd.io/uncompressed"])
	must(err, "label containerd.io/uncompressed of the layer")

	config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, diffID)
	config.History = append(config.History, v1.History{CreatedBy: "commit"})
	manifest.MediaType = v1.MediaTypeImageManifest
	manifest.Config = write(ctx, cs, v1.MediaTypeImageConfig, config, nil)
	manifest.Layers = append(manifest.Layers, layer)
	labels := map[string]string{"containerd.io/gc.ref.content.0": manifest.Config.Digest.String()}
	for i, l := range manifest.Layers {
		labels[fmt.Sprintf("containerd.io/gc.ref.content.%d", i+1)] = l.Digest.String()
	}
	target := write(ctx, cs, v1.MediaTypeImageManifest, manifest, labels)
	_, err = client.ImageService().Create(ctx, images.Image{Name: os.Args[4], Target: target})
	must(err, "image")
	fmt.Println(layer.Digest)
}
