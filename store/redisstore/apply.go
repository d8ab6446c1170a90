package redisstore

import (
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // EVALSHA names scripts so
	_ "embed"     // the script
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	"eidgate/store"
)

//go:embed apply.lua
var applyScript string

var applySHA = func() string {
	sum := sha1.Sum([]byte(applyScript)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}()

// read runs operations that are all OpGet with one MGET, which reads the count of
// writes beside them. Reading is repeated once where the connection failed.
func (s *Store) read(ctx context.Context, p place, slot string, ops []store.Op) ([]store.Result, error) {
	seen := p.seen.Load()
	args := make([]any, 0, 2+len(ops))
	args = append(args, "MGET", p.count)
	for _, op := range ops {
		args = append(args, p.key(cmp.Or(op.Slot, slot), op.Key))
	}
	cmd := redis.NewSliceCmd(ctx, args...)
	err := s.client.Process(ctx, cmd)
	if broken(err) && ctx.Err() == nil {
		cmd = redis.NewSliceCmd(ctx, args...)
		err = s.client.Process(ctx, cmd)
	}
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	values := cmd.Val()
	if len(values) != 1+len(ops) {
		return nil, fmt.Errorf("reading: %d values for %d keys", len(values), 1+len(ops))
	}
	if err := p.see(values[0], seen); err != nil {
		return nil, err
	}
	results := make([]store.Result, len(ops))
	for i, v := range values[1:] {
		if text, ok := v.(string); ok {
			results[i] = store.Result{OK: true, Value: []byte(text)}
		}
	}
	return results, nil
}

// broken reports whether a connection failed, rather than the server refused or
// time ran out.
func broken(err error) bool {
	var network net.Error
	return errors.Is(err, io.EOF) || errors.As(err, &network) && !network.Timeout()
}

// write runs the script.
func (s *Store) write(ctx context.Context, p place, slot string, ops []store.Op) ([]store.Result, error) {
	words := encode(p, slot, ops)
	reply, err := s.eval(ctx, p.count, words)
	if redis.HasErrorPrefix(err, "NOSCRIPT") { // and nothing was done
		words[0], words[1] = "EVAL", applyScript
		reply, err = s.eval(ctx, p.count, words)
	}
	switch {
	case err == nil:
	case redis.HasErrorPrefix(err, "ENDED"):
		return nil, errEnded
	default:
		return nil, fmt.Errorf("writing: %w", err)
	}
	list, ok := reply.([]any)
	if !ok || len(list) < 2 || len(list) > 1+len(ops) {
		return nil, errors.New("writing: an answer that is none of the script's")
	}
	count, ok := list[0].(int64)
	if !ok {
		return nil, errors.New("writing: no count of writes")
	}
	p.sawAtLeast(count)
	return decode(list[1:])
}

// encode gives the words of the command that runs the script.
func encode(p place, slot string, ops []store.Op) []any {
	words := append(make([]any, 0, 5+6*len(ops)), "EVALSHA", applySHA, 0, p.count)
	for _, op := range ops {
		slot := cmp.Or(op.Slot, slot)
		words = append(words, p.key(slot, op.Key))
		if op.Kind == store.OpMove {
			words = append(words, p.key(slot, op.To))
		}
	}
	words[2] = len(words) - 3 // keys
	words = append(words, p.seen.Load())
	for _, op := range ops {
		switch op.Kind {
		case store.OpGet:
			words = append(words, "get")
		case store.OpPutIfAbsent:
			words = append(words, "put", op.Value, milliseconds(op.TTL))
		case store.OpCompareAndSet:
			words = append(words, "set", op.Old, op.Value, milliseconds(op.TTL))
		case store.OpTake:
			words = append(words, "take")
		case store.OpMove:
			words = append(words, "move", milliseconds(op.TTL))
		case store.OpDelete:
			words = append(words, "del")
		case store.OpCount:
			words = append(words, "count", op.Limit, milliseconds(op.TTL))
		case store.OpUncount:
			words = append(words, "uncount", op.Limit)
		default: // store.Check knows a kind that is not written here yet
			words = append(words, "unknown")
		}
	}
	return words
}

// milliseconds rounds up: what should live at all lives for one.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

func decode(replies []any) ([]store.Result, error) {
	results := make([]store.Result, len(replies))
	for i, reply := range replies {
		r := &results[i]
		switch v := reply.(type) {
		case nil:
		case string:
			r.OK, r.Value = true, []byte(v)
		case int64:
			r.OK = v == 1
		case []any:
			numbers := [3]int64{}
			for j := range numbers {
				if len(v) != len(numbers) {
					return nil, errors.New("writing: no counter's answer")
				}
				n, ok := v[j].(int64)
				if !ok {
					return nil, errors.New("writing: no counter's answer")
				}
				numbers[j] = n
			}
			r.OK, r.N, r.Left = numbers[0] == 1, numbers[1], time.Duration(numbers[2])*time.Millisecond
		default:
			return nil, fmt.Errorf("writing: answer of type %T to operation %d", reply, i)
		}
	}
	return results, nil
}

// eval runs a script once, on the node of a key, and waits for replicas where that
// is configured.
func (s *Store) eval(ctx context.Context, key string, words []any) (any, error) {
	cmd := once{redis.NewCmd(ctx, words...)}
	if s.cfg.WaitReplicas == 0 {
		err := s.client.Process(ctx, cmd)
		return cmd.Val(), err
	}
	return s.evalAndWait(ctx, key, cmd)
}

// evalAndWait sends WAIT behind the script, on the same connection as it must be.
// A write that too few replicas have is an error: a fail-over could undo it.
func (s *Store) evalAndWait(ctx context.Context, key string, cmd once) (any, error) {
	node, err := s.node(ctx, key)
	if err != nil {
		return nil, err
	}
	wait := redis.NewIntCmd(ctx, "WAIT", s.cfg.WaitReplicas, s.cfg.WaitTimeout.Milliseconds())
	pipe := node.Pipeline()
	_ = pipe.Process(ctx, cmd) // Exec gives the errors
	_ = pipe.Process(ctx, wait)
	if _, err := pipe.Exec(ctx); err != nil {
		if cluster, ok := s.client.(*redis.ClusterClient); ok && redis.HasErrorPrefix(cmd.Err(), "MOVED") {
			cluster.ReloadState(ctx)
		}
		return nil, errors.Join(cmd.Err(), wait.Err())
	}
	if n := wait.Val(); n < int64(s.cfg.WaitReplicas) {
		return nil, fmt.Errorf("written, but %d replicas have it in time, want %d", n, s.cfg.WaitReplicas)
	}
	return cmd.Val(), nil
}
