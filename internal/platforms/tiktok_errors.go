package platforms

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
)

// tikTokEnvelope is what can say how a call went: the nested error of the API, the same printed flat,
// and the flat error of OAuth, where `error` is a word.
type tikTokEnvelope struct {
	Error       json.RawMessage `json:"error"`
	Description text            `json:"error_description"`
	Code        text            `json:"code"`
	Message     text            `json:"message"`
}

// classifyTikTok classifies an answer of the API. A success is HTTP 200 and the code "ok"; `error` is
// always there, so an answer without one is not TikTok's.
func classifyTikTok(ans answer) *Error {
	var envelope tikTokEnvelope
	if json.Unmarshal(ans.body, &envelope) != nil {
		return cmp.Or(byStatus(ans), malformed())
	}
	code, message := envelope.say()
	switch {
	case code == "ok" && ans.status == http.StatusOK:
		return nil
	case code == "" || code == "ok":
		return cmp.Or(byStatus(ans), malformed())
	default:
		return &Error{Class: tikTokClass(code, ans.status), Code: code, Words: message}
	}
}

func (e tikTokEnvelope) say() (code, message string) {
	raw := bytes.TrimSpace(e.Error)
	switch {
	case len(raw) > 0 && raw[0] == '{':
		var nested struct {
			Code    text `json:"code"`
			Message text `json:"message"`
		}
		if json.Unmarshal(raw, &nested) == nil {
			return string(nested.Code), string(nested.Message)
		}
	case len(raw) > 0 && raw[0] == '"':
		var word text
		_ = word.UnmarshalJSON(raw)
		return string(word), string(e.Description)
	}
	return string(e.Code), string(e.Message)
}

func tikTokClass(code string, status int) Class {
	switch code {
	case "access_token_invalid", "access_token_expired":
		return ClassReconnect
	case "scope_not_authorized", "scope_permission_missed":
		return ClassPermission
	case "rate_limit_exceeded":
		return ClassThrottled
	case "internal_error":
		return ClassRetry
	default:
		return oauthClass(code, status)
	}
}
