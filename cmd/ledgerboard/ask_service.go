package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// remote is a running service that is asked over HTTP, with the caller's own token.
type remote struct {
	URL       string `name:"url" env:"LEDGERBOARD_URL" placeholder:"URL" help:"Ask the service at this address, with a token of the role auditor or agency: needs neither log nor database."`
	TokenFile string `type:"existingfile" placeholder:"FILE" help:"File of the token for --url. None: the variable LEDGERBOARD_TOKEN."`
}

// tokenVariable holds a token for those who keep none in a file. It is no flag: arguments are seen by every user of a machine.
const tokenVariable = "LEDGERBOARD_TOKEN"

// maxRefusal bounds what is read of an answer that is not one of the API.
const maxRefusal = 64 << 10

// download writes what the service answers to a GET. The error of a refusal is what the service says.
func (r *remote) download(ctx context.Context, path string, query url.Values, out io.Writer) error {
	if r.URL == "" {
		return usageError{errors.New("name the service with --url")}
	}
	base, err := url.Parse(r.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return usageError{fmt.Errorf("--url %q is no address: use https://HOST[:PORT]", r.URL)}
	}
	token := os.Getenv(tokenVariable)
	if r.TokenFile != "" {
		raw, err := os.ReadFile(r.TokenFile)
		if err != nil {
			return usageError{fmt.Errorf("--token-file: %w", err)}
		}
		token = string(raw)
	}
	if token = strings.TrimSpace(token); token == "" {
		return usageError{errors.New("name the file of your token with --token-file, or set " + tokenVariable)}
	}
	at := base.JoinPath(path)
	at.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask %s: %w", base.Host, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return refusal(response)
	}
	if _, err := io.Copy(out, response.Body); err != nil {
		return fmt.Errorf("read the answer of %s: %w", base.Host, err)
	}
	return nil
}

// refusal is what a service says that does not answer.
func refusal(response *http.Response) error {
	var said struct {
		Message string `json:"message"`
		Errors  []struct {
			Field  string `json:"field"`
			Detail string `json:"detail"`
		} `json:"errors"`
	}
	raw, _ := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	if json.Unmarshal(raw, &said) != nil || said.Message == "" {
		return fmt.Errorf("the service answers %s", response.Status)
	}
	for _, e := range said.Errors {
		if !strings.Contains(said.Message, e.Detail) {
			said.Message += fmt.Sprintf(" (%s %s)", e.Field, e.Detail)
		}
	}
	err := fmt.Errorf("the service answers %s: %s", response.Status, plain(said.Message))
	if response.StatusCode == http.StatusBadRequest || response.StatusCode == http.StatusUnprocessableEntity {
		return usageError{err}
	}
	return err
}
