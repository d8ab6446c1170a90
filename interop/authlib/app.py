"""A relying party on Authlib's Flask integration. Its pages answer JSON."""
import os
import secrets
from urllib.parse import urlencode

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, jsonify, redirect, request

ORIGIN = os.environ["RP_ORIGIN"]
ACR = os.environ["RP_ACR"]
RESPONSE_MODE = os.environ["RP_RESPONSE_MODE"]

app = Flask(__name__)
app.secret_key = os.environ["RP_COOKIE_KEY"]
app.config["SESSION_COOKIE_NAME"] = "rp_authlib"

oauth = OAuth(app)
gateway = oauth.register(
    "gateway",
    client_id=os.environ["RP_CLIENT_ID"],
    client_secret=os.environ["RP_CLIENT_SECRET"],
    server_metadata_url=os.environ["RP_ISSUER"] + "/.well-known/openid-configuration",
    client_kwargs={
        "scope": os.environ["RP_SCOPE"],
        "code_challenge_method": "S256",
        "token_endpoint_auth_method": os.environ["RP_AUTH_METHOD"],
    },
)
sessions = {}  # by cookie
logouts = set()  # states of logouts under way


def need_level(claims):
    """The relying party's own check: no session below the level asked for."""
    if claims.get("acr") != ACR:
        raise OAuthError("level_too_low", f"acr is {claims.get('acr')}, want {ACR}")


def current():
    cookie = request.cookies.get("rp_session")
    if cookie not in sessions:
        raise OAuthError("signed_out", "no session")
    return cookie, sessions[cookie]


@app.errorhandler(OAuthError)
def refused(err):
    app.logger.error("%s: %s: %s", request.path, err.error, err.description)
    return jsonify(error=err.error, detail=err.description), 401 if err.error == "signed_out" else 400


@app.get("/login")
def login():
    more = {"acr_values": ACR}
    if RESPONSE_MODE != "query":
        more["response_mode"] = RESPONSE_MODE
    if "prompt" in request.args:
        more["prompt"] = request.args["prompt"]
    return gateway.authorize_redirect(ORIGIN + "/callback", **more)


@app.route("/callback", methods=["GET", "POST"])
def callback():
    if (request.method == "POST") != (RESPONSE_MODE == "form_post"):
        raise OAuthError("response_mode", "answered by " + request.method)
    if "error" in request.form:  # Authlib 1.2 looks for errors in a query only
        raise OAuthError(request.form["error"], request.form.get("error_description"))
    tokens = gateway.authorize_access_token()
    claims = tokens["userinfo"]  # of the ID token, verified with its nonce
    need_level(claims)
    cookie = secrets.token_urlsafe()
    sessions[cookie] = tokens
    answer = jsonify(sub=claims["sub"], acr=claims["acr"], refresh="refresh_token" in tokens)
    answer.set_cookie("rp_session", cookie, httponly=True)
    return answer


@app.get("/userinfo")
def userinfo():
    _, tokens = current()
    claims = gateway.userinfo(token=tokens)
    if claims["sub"] != tokens["userinfo"]["sub"]:
        raise OAuthError("other_person", "userinfo is of another subject")
    return jsonify(claims)


@app.get("/refresh")
def refresh():
    cookie, before = current()
    metadata = gateway.load_server_metadata()
    with gateway._get_oauth_client(**metadata) as session:  # the integration has no public way
        after = dict(session.refresh_token(metadata["token_endpoint"], refresh_token=before["refresh_token"]))
    acr = None
    if "id_token" in after and after["id_token"] != before["id_token"]:
        claims = gateway.parse_id_token(after, nonce=None)
        need_level(claims)
        acr = claims["acr"]
    sessions[cookie] = {**before, **after}
    return jsonify(
        acr=acr,
        fresh=after["access_token"] != before["access_token"],
        rotated=after.get("refresh_token", before["refresh_token"]) != before["refresh_token"],
    )


@app.get("/logout")
def logout():
    cookie, tokens = current()
    del sessions[cookie]
    state = secrets.token_urlsafe()
    logouts.add(state)
    end = gateway.load_server_metadata()["end_session_endpoint"]
    return redirect(end + "?" + urlencode({
        "id_token_hint": tokens["id_token"], "post_logout_redirect_uri": ORIGIN + "/signed-out", "state": state,
    }))


@app.get("/signed-out")
def signed_out():
    state = request.args.get("state")
    known = state in logouts
    logouts.discard(state)
    return jsonify(signed_out=known)


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(ORIGIN.rsplit(":", 1)[1]))
