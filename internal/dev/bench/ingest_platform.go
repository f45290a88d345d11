package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// canned is a platform that gives each request the answer which the simulator gave it first, after its
// latency. It shares the machine with what is measured, so it costs as little as can be: bytes that are
// compared and copied, no HTTP server.
type canned struct {
	URL     string
	latency time.Duration
	calls   atomic.Int64

	next     http.Handler
	listener net.Listener
	answers  sync.Map // string, the head of a request and its body → []byte, the whole answer
}

// serveCanned starts such a platform in front of next. Close ends it.
func serveCanned(ctx context.Context, next http.Handler, latency time.Duration) (*canned, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	c := &canned{URL: "http://" + listener.Addr().String(), latency: latency, next: next, listener: listener}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go c.serve(conn)
		}
	}()
	return c, nil
}

// Close refuses new connections; those that are there end with their callers.
func (c *canned) Close() error { return c.listener.Close() }

// serve answers the requests of a connection, one after another.
func (c *canned) serve(conn net.Conn) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for {
		request, err := readRequest(reader)
		if err != nil {
			return
		}
		c.calls.Add(1)
		known, ok := c.answers.Load(string(request))
		if !ok {
			if known, err = c.ask(request); err != nil {
				return
			}
		}
		time.Sleep(c.latency)
		if _, err := conn.Write(known.([]byte)); err != nil { //nolint:forcetypeassert // only these are stored
			return
		}
	}
}

// readRequest reads one request's bytes.
func readRequest(reader *bufio.Reader) (request []byte, err error) {
	body := 0
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		request = append(request, line...)
		if len(line) <= len("\r\n") {
			break
		}
		if length, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if body, err = strconv.Atoi(string(bytes.TrimSpace(length))); err != nil {
				return nil, err
			}
		}
	}
	head := len(request)
	request = append(request, make([]byte, body)...)
	_, err = io.ReadFull(reader, request[head:])
	return request, err
}

// ask gets the simulator's answer and keeps it.
func (c *canned) ask(request []byte) (answer any, err error) {
	parsed, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
	if err != nil {
		return nil, err
	}
	recorder := httptest.NewRecorder()
	c.next.ServeHTTP(recorder, parsed)
	result := recorder.Result()
	defer result.Body.Close()
	result.ContentLength = int64(recorder.Body.Len())
	var raw bytes.Buffer
	if err := result.Write(&raw); err != nil {
		return nil, err
	}
	answer, _ = c.answers.LoadOrStore(string(request), raw.Bytes())
	return answer, nil
}

// bare makes the fetchers' calls again, as fast as so many callers can that throw the answers away; it returns
// calls a second.
func (c *canned) bare(ctx context.Context, callers int) (float64, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: callers, MaxIdleConnsPerHost: callers}}
	defer client.CloseIdleConnections()
	var requests []string
	c.answers.Range(func(key, _ any) bool {
		requests = append(requests, key.(string)) //nolint:forcetypeassert // only these are stored
		return len(requests) < ingestAccounts
	})
	ctx, cancel := context.WithTimeout(ctx, ingestFor/3)
	defer cancel()
	var calling sync.WaitGroup
	var made atomic.Int64
	began := time.Now()
	for n := range callers {
		calling.Go(func() {
			for i := n; ctx.Err() == nil; i += callers {
				if c.again(ctx, client, requests[i%len(requests)]) == nil {
					made.Add(1)
				}
			}
		})
	}
	calling.Wait()
	if made.Load() == 0 {
		return 0, errors.New("no bare call was answered")
	}
	return float64(made.Load()) / time.Since(began).Seconds(), nil
}

// again makes a request that was made before and reads its answer.
func (c *canned) again(ctx context.Context, client *http.Client, request string) error {
	parsed, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
	if err != nil {
		return err
	}
	repeated, err := http.NewRequestWithContext(ctx, parsed.Method, c.URL+parsed.URL.RequestURI(), parsed.Body)
	if err != nil {
		return err
	}
	repeated.Header, repeated.ContentLength = parsed.Header, parsed.ContentLength
	response, err := client.Do(repeated)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
