package stream_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// An older state was restored: versions that a client has seen were given out again for something else. Its stream begins at the head, says so, and
// goes on from ids of the new log.
func TestACursorOfAnotherLogIsReset(t *testing.T) {
	t.Parallel()
	store := newStore()
	for range 3 {
		store.append(agency, alice)
	}
	hub := runHub(t, store, stream.Config{Log: "0a1b2c3d"})
	url := serveSSE(t, hub, stream.Listener{ParentAccount: agency, UserID: alice})
	for name, cursor := range map[string]string{
		"of before":                   id(1),
		"of before, withdrawn":        id(9),
		"of an epoch that is no more": id(1) + ".ffffffff",
	} {
		require.Equal(t, "event: reset|id: "+id(3)+".0a1b2c3d|data: {}", openStream(t, url, cursor).next(), name)
	}
	s := openStream(t, url, id(2)+".0a1b2c3d")
	require.Equal(t, ": connected", s.next(), "its own")
	require.Equal(t, `event: client_access_removed|id: `+id(3)+`.0a1b2c3d|data: {"user_id":"`+alice+`"}`, s.next())

	before := serveSSE(t, runHub(t, store, stream.Config{}), stream.Listener{ParentAccount: agency, UserID: alice})
	require.Equal(t, "event: reset|id: "+id(3)+"|data: {}", openStream(t, before, id(2)+".0a1b2c3d").next(), "a process of before says so too")
}

// So does a Socket.IO client that comes back with its offset; a new page, which has seen nothing, is told its place as ever.
func TestAnOffsetOfAnotherLogIsReset(t *testing.T) {
	t.Parallel()
	store := newStore()
	for range 3 {
		store.append(agency, alice)
	}
	n := startNode(t, store, &tokens{}, nil, stream.Config{Log: "0a1b2c3d"})
	for offset, event := range map[string]string{id(2): "reset", id(3) + ".ffffffff": "reset", "": "notice_cursor"} {
		auth := aliceAuth()
		if offset != "" {
			auth["offset"] = offset
		}
		client := startJS(t, jsConfig{URL: n.url, Auth: auth, Transports: []string{"websocket"}})
		line := client.until("event", event)
		require.JSONEq(t, `"`+id(3)+`.0a1b2c3d"`, string(line.Args[len(line.Args)-1]), offset)
	}
}
