package simulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// maxBatch is how many requests one call may hold.
const maxBatch = 50

// graphIDs answers GET /?ids=a,b, which every version refuses since 2026-10-27.
func (s *Server) graphIDs(c *request) reply {
	if c.query.Has("ids") {
		return s.graphFail(c, 500, 100, 0, "(#100) The ids query parameter is deprecated in v26.0+")
	}
	return s.graphFail(c, 400, 100, 0, "Unsupported get request.")
}

// graphBatch answers POST / with a batch of requests: an array in the same order, each entry with a status, headers
// and a body of its own. Each request counts as a call; what concerns the caller is refused for all at once.
func (s *Server) graphBatch(prefix string, platforms []domain.Platform) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := s.graphRequest(r, prefix, platforms)
		rep, refused := s.graphRefusal(c)
		if refused {
			s.tally.count(c.platform.String()+"/batch", false)
		} else {
			rep = s.graphEntries(c)
		}
		s.answer(w, r, c.platform, c.acc, c.traps, rep)
	}
}

func (s *Server) graphEntries(c *request) reply {
	s.all(c) // once, for all requests
	var requests []struct {
		Method string `json:"method"`
		URL    string `json:"relative_url"`
	}
	if json.Unmarshal([]byte(c.FormValue("batch")), &requests) != nil || len(requests) == 0 {
		return s.graphFail(c, 400, 100, 0, "(#100) The batch parameter must be a JSON array of requests")
	}
	if len(requests) > maxBatch {
		return s.graphFail(c, 400, 100, 0, "(#100) Too many requests in batch message. Maximum batch size is "+strconv.Itoa(maxBatch))
	}
	entries := make([]any, len(requests))
	for i, request := range requests {
		rep := s.graphEntry(c, request.Method, request.URL)
		if c.traps.BatchTimeouts == 0 || i%c.traps.BatchTimeouts != c.traps.BatchTimeouts-1 {
			entries[i] = entryOf(rep, c.FormValue("include_headers") != "false")
		}
	}
	return ok(entries)
}

// graphEntry answers one request of a batch: GET /{id} or /{id}/{edge}, the version before it or left out.
func (s *Server) graphEntry(c *request, method, relative string) reply {
	u, err := url.Parse("/" + strings.TrimPrefix(relative, "/"))
	if err != nil || method != http.MethodGet {
		return s.graphFail(c, 400, 100, 0, "(#100) Unsupported request of a batch")
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	version := c.PathValue("version")
	if graphVersion.MatchString(parts[0]) {
		version, parts = parts[0], parts[1:]
	}
	if len(parts) == 0 || len(parts) > 2 {
		return s.graphFail(c, 400, 2500, 0, "Unknown path components: "+u.Path)
	}
	inner := *c
	inner.Request = &http.Request{Method: method, URL: u, Host: c.Host, Form: c.Form} // what the whole call shows, each shows
	inner.query = u.Query()
	inner.SetPathValue("version", version)
	inner.SetPathValue("id", parts[0])
	handle, op := s.graphNode, "node"
	if len(parts) == 2 {
		inner.SetPathValue("edge", parts[1])
		handle, op = s.graphEdge, parts[1]
	}
	return s.graphReply(&inner, op, handle)
}

// entryOf is an answer as a batch holds it: the body is a text.
func entryOf(rep reply, headers bool) object {
	body, _ := json.Marshal(rep.body) //nolint:errchkjson // objects of our own
	status := rep.status
	if status == 0 {
		status = http.StatusOK
	}
	entry := object{"code": status, "body": string(body)}
	if headers {
		list := []object{{"name": "Content-Type", "value": "application/json; charset=UTF-8"}}
		for _, name := range slices.Sorted(maps.Keys(rep.header)) {
			list = append(list, object{"name": name, "value": rep.header[name]})
		}
		entry["headers"] = list
	}
	return entry
}
