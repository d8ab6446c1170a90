<?php
// Synthetic people: the password is the name, as in LemonLDAP's demonstration.
$config = ['people' => ['exampleauth:UserPass']];
foreach (json_decode(file_get_contents('{{.Dir}}/people.json'), true) as $name => $attributes) {
    $config['people'][$name . ':' . $name] = $attributes;
}
