package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"
)

// listenerKind is how clients listen.
type listenerKind string

const (
	eventStreams listenerKind = "sse"
	webSockets   listenerKind = "websocket" // Socket.IO without polling first
)

const (
	connectsAtATime = 64
	connectWithin   = 30 * time.Second
	clientBuffer    = 512 // bytes
)

var (
	noticeLine = []byte("event: client_access_removed")
	idLine     = []byte("id: ")
)

// connectAll opens a connection for each user and reads it to its end.
func (w *listening) connectAll(ctx context.Context, kind listenerKind) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(connectsAtATime)
	for i := range listeners {
		agency, user := i%listenAgencies, i/listenAgencies
		group.Go(func() error {
			token, err := w.server.token(listenUser(agency, user), listenAccount(agency))
			if err != nil {
				return err
			}
			if kind == webSockets {
				return w.connectSocket(ctx, token)
			}
			return w.connectStream(ctx, token)
		})
	}
	return group.Wait()
}

// connectStream returns when the stream has told its cursor.
func (w *listening) connectStream(ctx context.Context, token string) error {
	conn, err := dialStream(ctx, dialer, w.server.addr, token, "")
	if err != nil {
		return err
	}
	lines := bufio.NewReaderSize(conn, clientBuffer)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("open event stream: %w", err)
		}
		if bytes.HasPrefix(line, []byte("event: notice_cursor")) {
			break
		}
	}
	go w.readStream(lines)
	return nil
}

// readStream reads blocks of an event stream until it ends; sizes of chunks are lines of their own.
func (w *listening) readStream(lines *bufio.Reader) {
	notice := false
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return
		}
		line = bytes.TrimRight(line, "\r\n")
		if id, isID := bytes.CutPrefix(line, idLine); isID && notice {
			w.heard.read(string(id))
		}
		notice = bytes.Equal(line, noticeLine)
	}
}

// dialer connects as any client does.
var dialer = &net.Dialer{Timeout: connectWithin}

// dialStream asks for the stream.
func dialStream(ctx context.Context, by *net.Dialer, addr, token, cursor string) (net.Conn, error) {
	conn, err := by.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	request := "GET /api/notices HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer " + token + "\r\n"
	if cursor != "" {
		request += "Last-Event-ID: " + cursor + "\r\n"
	}
	if _, err := conn.Write([]byte(request + "\r\n")); err != nil {
		return nil, fmt.Errorf("ask for event stream: %w", err)
	}
	return conn, nil
}

// connectSocket returns when the server has told the connection's cursor.
func (w *listening) connectSocket(ctx context.Context, token string) error {
	conn, err := dialSocket(ctx, dialer, w.server.addr, map[string]string{"token": token})
	if err != nil {
		return err
	}
	for {
		_, message, err := conn.ReadMessage()
		if err != nil {
			return fmt.Errorf("connect socket: %w", err)
		}
		if bytes.HasPrefix(message, []byte(`42["notice_cursor"`)) {
			break
		}
		if bytes.HasPrefix(message, []byte("44")) {
			return fmt.Errorf("connect socket: refused: %s", message)
		}
	}
	go w.readSocket(conn)
	return nil
}

// readSocket reads Socket.IO events, and answers heartbeats, until the connection ends.
func (w *listening) readSocket(conn *websocket.Conn) {
	for {
		_, message, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if bytes.Equal(message, []byte("2")) {
			if conn.WriteMessage(websocket.TextMessage, []byte("3")) != nil {
				return
			}
			continue
		}
		arguments, isEvent := bytes.CutPrefix(message, []byte("42"))
		var event []any
		if !isEvent || json.Unmarshal(arguments, &event) != nil || len(event) != 3 || event[0] != "client_access_removed" {
			continue
		}
		if id, isText := event[2].(string); isText {
			w.heard.read(id)
		}
	}
}

// dialSocket opens a websocket and asks to be connected to the namespace.
func dialSocket(ctx context.Context, by *net.Dialer, addr string, auth map[string]string) (*websocket.Conn, error) {
	upgrading := websocket.Dialer{
		NetDialContext: by.DialContext, HandshakeTimeout: connectWithin, ReadBufferSize: clientBuffer, WriteBufferSize: clientBuffer,
	}
	conn, response, err := upgrading.DialContext(ctx, "ws://"+addr+"/socket.io/?EIO=4&transport=websocket", http.Header{})
	if err != nil {
		return nil, fmt.Errorf("open websocket: %w", err)
	}
	defer response.Body.Close()
	payload, err := json.Marshal(auth)
	if err != nil {
		return nil, fmt.Errorf("encode auth: %w", err)
	}
	if _, _, err := conn.ReadMessage(); err != nil { // a client waits for the engine's greeting
		return nil, fmt.Errorf("open websocket: %w", err)
	}
	if err := conn.WriteMessage(websocket.TextMessage, append([]byte("40"), payload...)); err != nil {
		return nil, fmt.Errorf("connect socket: %w", err)
	}
	return conn, nil
}
