package stream_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/stream"
)

// An offset of another agency's stream says nothing here: the client goes on where its user is, and hears nothing old.
func TestOffsetOfAnotherAgencyIsNotTaken(t *testing.T) {
	t.Parallel()
	store := newStore()
	store.append(agency, alice)
	head := id(store.append(agency, alice))
	n := startNode(t, store, &tokens{}, nil, stream.Config{})
	for _, transport := range []string{"polling", "websocket"} {
		auth := aliceAuth()
		auth["offset"] = agency2 + ".1"
		client := startJS(t, jsConfig{URL: n.url, Auth: auth, Transports: []string{transport}})
		line := client.until("event", "notice_cursor")
		require.JSONEq(t, `"`+head+`"`, string(line.Args[len(line.Args)-1]), "it begins at the head")
		version := store.append(agency, alice)
		own := id(version)
		n.hub.Wake(agency)
		require.Equal(t, []string{own}, client.notices(own))
		store.requireSaved(t, version)
		head = own
	}
}
