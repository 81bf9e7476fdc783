// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	leasesapi "github.com/containerd/containerd/api/services/leases/v1"
	"github.com/gogo/protobuf/types"
	"google.golang.org/grpc"
)

// nullStore remembers sizes and answers, nothing more: no file, no hash, no database.
type nullStore struct {
	contentapi.ContentServer // what the benchmark does not call
	lock                     sync.Mutex
	last                     int64
}

type nullLeases struct {
	leasesapi.LeasesServer
}

func (nullLeases) Create(_ context.Context, rq *leasesapi.CreateRequest) (*leasesapi.CreateResponse, error) {
	return &leasesapi.CreateResponse{Lease: &leasesapi.Lease{ID: rq.ID}}, nil
}

func (s *nullStore) Info(_ context.Context, rq *contentapi.InfoRequest) (*contentapi.InfoResponse, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	return &contentapi.InfoResponse{Info: contentapi.Info{Digest: rq.Digest, Size_: s.last}}, nil
}

func (s *nullStore) Delete(context.Context, *contentapi.DeleteContentRequest) (*types.Empty, error) {
	return &types.Empty{}, nil
}

func (s *nullStore) Read(rq *contentapi.ReadContentRequest, out contentapi.Content_ReadServer) error {
	chunk := make([]byte, 1<<20)
	for at := int64(0); at < rq.Size_; at += int64(len(chunk)) {
		if rq.Size_-at < int64(len(chunk)) {
			chunk = chunk[:rq.Size_-at]
		}
		if err := out.Send(&contentapi.ReadContentResponse{Offset: at, Data: chunk}); err != nil {
			return err
		}
	}
	return nil
}

func (s *nullStore) Write(stream contentapi.Content_WriteServer) error {
	var offset int64
	for {
		rq, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		offset += int64(len(rq.Data))
		rp := contentapi.WriteContentResponse{Action: rq.Action, Offset: offset, StartedAt: time.Now(), UpdatedAt: time.Now(), Digest: rq.Expected}
		if err := stream.Send(&rp); err != nil {
			return err
		}
		if rq.Action == contentapi.WriteActionCommit {
			s.lock.Lock()
			s.last = offset
			s.lock.Unlock()
			return nil
		}
	}
}

func serveNull(address string) {
	l, err := net.Listen("unix", address)
	must(err)
	server := grpc.NewServer(grpc.MaxRecvMsgSize(16<<20), grpc.MaxSendMsgSize(16<<20))
	s := &nullStore{}
	contentapi.RegisterContentServer(server, s)
	leasesapi.RegisterLeasesServer(server, nullLeases{})
	must(server.Serve(l))
}
