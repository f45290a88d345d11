package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	noticeRounds = 300
	startWithin  = 3 * time.Minute
)

// demoInfo is what of demo.json is needed here.
type demoInfo struct {
	BaseURL string            `json:"base_url"`
	Tokens  map[string]string `json:"tokens"`
	IDs     struct {
		SubAccounts []string `json:"sub_accounts"`
	} `json:"ids"`
}

// notices measures, on the program as a process, the time from sending a PUT that takes a user's
// access away until that user's event stream hears of it, beside the time to the PUT's own answer.
func (b *bench) notices(ctx context.Context, print func(result) error) error {
	info, stop, err := b.startDemo(ctx)
	if err != nil {
		return err
	}
	defer stop()
	heard, err := listen(ctx, info)
	if err != nil {
		return err
	}
	client, err := subjectOf(info.Tokens["client"])
	if err != nil {
		return err
	}
	dashboard := info.BaseURL + "/api/projects/dashboard/" + info.IDs.SubAccounts[0]
	var toNotice, toAnswer []time.Duration
	for range noticeRounds {
		if _, err := put(ctx, info, dashboard, fmt.Sprintf(`{"users":[%q]}`, client)); err != nil {
			return err
		}
		sent := time.Now()
		answered, err := put(ctx, info, dashboard, `{"users":[]}`)
		if err != nil {
			return err
		}
		select {
		case at := <-heard:
			toNotice, toAnswer = append(toNotice, at.Sub(sent)), append(toAnswer, answered)
		case <-time.After(10 * time.Second):
			return errors.New("no notice within 10 s")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, p := range []float64{0.50, 0.99} {
		if err := print(against(fmt.Sprintf("put_to_notice_p%.0f", p*100), "ms", percentile(toNotice, p), percentile(toAnswer, p))); err != nil {
			return err
		}
	}
	return nil
}

// subjectOf reads whose token it is, without proving it.
func subjectOf(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("demo.json holds no token of a client")
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	var claims struct {
		Sub string `json:"sub"`
	}
	err = json.Unmarshal(raw, &claims)
	return claims.Sub, err
}

// build makes the program.
func (b *bench) build(ctx context.Context) (binary string, err error) {
	binary = filepath.Join(b.dir, "ledgerboard")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/ledgerboard/ledgerboard/cmd/ledgerboard").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return binary, nil
}

// startDemo builds the program and starts a demo of it.
func (b *bench) startDemo(ctx context.Context) (info demoInfo, stop func(), err error) {
	dir := filepath.Join(b.dir, "demo")
	binary, err := b.build(ctx)
	if err != nil {
		return info, nil, err
	}
	command := exec.CommandContext(ctx, binary, "demo", "--data-dir", dir, "--addr", "127.0.0.1:0")
	command.Stderr = os.Stderr
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	if err := command.Start(); err != nil {
		return info, nil, fmt.Errorf("start demo: %w", err)
	}
	stop = func() {
		command.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended already
		command.Wait()                          //nolint:errcheck // its end is all that matters
	}
	for began := time.Now(); time.Since(began) < startWithin; time.Sleep(50 * time.Millisecond) {
		raw, err := os.ReadFile(filepath.Join(dir, "demo.json"))
		if err == nil && json.Unmarshal(raw, &info) == nil {
			return info, stop, nil
		}
	}
	stop()
	return info, nil, errors.New("the demo did not become ready")
}

// put returns the time to the answer.
func put(ctx context.Context, info demoInfo, url, body string) (time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, url, bytes.NewBufferString(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+info.Tokens["agency"])
	request.Header.Set("Content-Type", "application/json")
	sent := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("PUT: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("PUT answered %d: %s (%w)", response.StatusCode, answer, err)
	}
	return time.Since(sent), nil
}

// listen opens the client's event stream and sends the time of each notice.
func listen(ctx context.Context, info demoInfo) (<-chan time.Time, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, info.BaseURL+"/api/notices", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+info.Tokens["client"])
	response, err := http.DefaultClient.Do(request) //nolint:bodyclose // its reader closes it
	if err != nil {
		return nil, fmt.Errorf("open event stream: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("event stream answered %d", response.StatusCode)
	}
	heard := make(chan time.Time, 1)
	go func() {
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "event: client_access_removed") {
				heard <- time.Now()
			}
		}
	}()
	return heard, nil
}
