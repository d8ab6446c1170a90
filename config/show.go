package config

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"eidgate/eid"
)

// Show gives the configuration that holds, as YAML with a comment at each key
// that says where its value came from. Secrets are redacted. The error is
// Load's.
func Show(path string, environ []string) ([]byte, error) {
	c, err := Load(path, environ)
	if err != nil {
		return nil, err
	}
	var raw []byte
	if path != "" {
		if raw, err = readFile(path, maxFile); err != nil {
			return nil, &Fault{Path: path, Problem: err.Error()}
		}
	}
	tree, err := layers(new(faults), raw, environ)
	if err != nil {
		return nil, &Fault{Path: path, Problem: err.Error()}
	}
	for i := range c.Clients {
		if len(c.Clients[i].SecretFiles) > 0 {
			c.Clients[i].Secrets = nil // what the files held
		}
		if c.Clients[i].JWKSFile != "" {
			c.Clients[i].JWKS = ""
		}
	}
	forget := func(secret *eid.Secret, file string) {
		if file != "" {
			*secret = eid.Secret{} // what the file held
		}
	}
	forget(&c.Redis.Password, c.Redis.PasswordFile)
	forget(&c.Notify.SMTP.Password, c.Notify.SMTP.PasswordFile)
	forget(&c.Notify.SMS.SMPP.Password, c.Notify.SMS.SMPP.PasswordFile)
	forget(&c.Notify.SMS.HTTP.Token, c.Notify.SMS.HTTP.TokenFile)
	c.Registries.each(func(_ string, r *Registry) { forget(&r.Token, r.TokenFile) })
	for i := range c.Sources {
		for _, b := range c.Sources[i].blocks() {
			if b.given {
				b.block.forget()
			}
		}
	}
	var text bytes.Buffer
	enc := yaml.NewEncoder(&text)
	enc.SetIndent(2)
	if err := enc.Encode(shown("", reflect.ValueOf(*c), tree)); err != nil {
		return nil, fmt.Errorf("writing: %w", err)
	}
	return text.Bytes(), nil
}

// shown is the YAML of a value at path. given is what the file and the
// environment say there.
func shown(path string, v reflect.Value, given any) *yaml.Node {
	if known, ok := shownText(v); ok {
		return known
	}
	switch {
	case v.Kind() == reflect.Pointer:
		return shown(path, v.Elem(), given)
	case isBlock(v.Type()):
		return shownBlock(path, v, given)
	case v.Kind() == reflect.Slice:
		list := &yaml.Node{Kind: yaml.SequenceNode}
		elements, _ := given.([]any)
		for i := range v.Len() {
			var element any
			if i < len(elements) {
				element = elements[i]
			}
			list.Content = append(list.Content, shown(item(path, i), v.Index(i), element))
		}
		if v.Len() == 0 || !isBlock(v.Type().Elem()) {
			list.Style = yaml.FlowStyle
		}
		return list
	case v.Kind() == reflect.Map:
		block := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		for _, key := range keys {
			block.Content = append(block.Content, plainNode(fmt.Sprint(key)), shown(path, v.MapIndex(key), nil))
		}
		return block
	}
	return plainNode(v.Interface())
}

// shownText writes what is no plain value. A secret says that it is one.
func shownText(v reflect.Value) (*yaml.Node, bool) {
	switch t := v.Interface().(type) {
	case eid.Secret:
		if t.IsZero() {
			return plainNode(""), true
		}
		return plainNode(t.String()), true
	case time.Duration:
		return plainNode(short(t)), true
	case time.Time:
		return plainNode(t.In(vietnam()).Format(time.RFC3339)), true
	case eid.Level:
		return plainNode(int(t)), true
	case KeySet:
		return plainNode(string(t)), true
	}
	return nil, false
}

func shownBlock(path string, v reflect.Value, given any) *yaml.Node {
	block := &yaml.Node{Kind: yaml.MappingNode}
	keys, _ := given.(map[string]any)
	for i, name := range keysOf(v.Type()) {
		field, at := v.Field(i), member(path, name)
		value, fromFile := keys[name]
		// Inside a client or a source, what is not there is not shown.
		if strings.Contains(at, "[") && !fromFile && field.IsZero() || field.Kind() == reflect.Pointer && field.IsNil() {
			continue
		}
		key, node := plainNode(name), shown(at, field, value)
		if !strings.Contains(at, "[") && !isBlock(field.Type()) {
			origin(at, value, fromFile, key, node)
		}
		block.Content = append(block.Content, key, node)
	}
	return block
}

// origin notes at a key where its value came from.
func origin(path string, value any, given bool, key, node *yaml.Node) {
	text := "default"
	if given {
		text = "file"
	}
	if _, ok := value.(envText); ok {
		text = envName(path)
	}
	if node.Kind == yaml.SequenceNode && node.Style != yaml.FlowStyle {
		key.LineComment = text
		return
	}
	node.LineComment = text
}

// plainNode is the YAML of a word, a number or a truth.
func plainNode(value any) *yaml.Node {
	node := new(yaml.Node)
	if err := node.Encode(value); err != nil {
		// Words, numbers and truths can be written.
		panic("config: " + err.Error())
	}
	return node
}
