package chaos_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// answeredWithin is how long an answer is waited for before another process is asked. A change that takes longer is an outage.
const answeredWithin = 5 * time.Second

// answer is what a request brought; err when it brought nothing.
type answer struct {
	status     int
	version    int64 // ETag
	command    string
	retryAfter string
	message    string
	users      []string
	body       []byte
	err        error
}

// once keeps no connections: on those Go repeats requests with an Idempotency-Key, unseen.
var once = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// ask sends one request; headers are names and values by turns.
func ask(ctx context.Context, within time.Duration, method, url, token, body string, headers ...string) (a answer) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := once.Do(request)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	if a.body, err = io.ReadAll(response.Body); err != nil {
		return answer{err: err}
	}
	var said struct {
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	_ = json.Unmarshal(a.body, &said) // other bodies say neither
	a.status, a.message, a.users = response.StatusCode, said.Message, usersIn(said.Data)
	a.command, a.retryAfter = response.Header.Get("Command-Id"), response.Header.Get("Retry-After")
	a.version, _ = strconv.ParseInt(strings.Trim(response.Header.Get("ETag"), `"`), 10, 64)
	return a
}

// usersIn are the ids of a board's users: a GET answers with a list of one document, which says more of each, a PUT with ids alone.
func usersIn(data json.RawMessage) []string {
	var put struct {
		Users []string `json:"users"`
	}
	var get []struct {
		Users []struct {
			ID string `json:"id"`
		} `json:"users"`
	}
	users := []string{}
	if json.Unmarshal(data, &get) == nil && len(get) == 1 {
		for _, user := range get[0].Users {
			users = append(users, user.ID)
		}
	} else if json.Unmarshal(data, &put) == nil {
		users = append(users, put.Users...)
	}
	slices.Sort(users)
	return users
}

func boardURL(base, board string) string { return base + "/api/projects/dashboard/" + board }
