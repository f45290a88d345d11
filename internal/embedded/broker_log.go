package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
)

// brokerLog hands kfake's messages to slog and remembers its errors: kfake's Close reports a failed save only here.
type brokerLog struct {
	logger *slog.Logger
	mu     sync.Mutex
	failed error
}

// Logf implements kfake.Logger.
func (l *brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelNone, kfake.LogLevelDebug:
		return // a line per request
	case kfake.LogLevelError:
		to = slog.LevelError
		l.mu.Lock()
		l.failed = fmt.Errorf("close broker: "+format, args...)
		l.mu.Unlock()
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	case kfake.LogLevelInfo:
	}
	if ctx := context.Background(); l.logger.Enabled(ctx, to) {
		l.logger.Log(ctx, to, "embedded broker: "+fmt.Sprintf(format, args...))
	}
}

func (l *brokerLog) saveError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}
