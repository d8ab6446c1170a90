// A relying party on oauth4webapi.
import * as oauth from 'oauth4webapi'
import { privateKey, redirectURI, requestParameters, serve, settings, signedOutURI } from './rp.mjs'

const loopback = { [oauth.allowInsecureRequests]: true } // http
const as = await oauth.processDiscoveryResponse(settings.issuer, await oauth.discoveryRequest(settings.issuer, loopback))
const party = {
  client_id: settings.clientID,
  token_endpoint_auth_method: settings.authMethod,
  id_token_signed_response_alg: process.env.RP_ID_TOKEN_ALG,
}
const authentication = await {
  client_secret_basic: () => oauth.ClientSecretBasic(settings.clientSecret),
  client_secret_post: () => oauth.ClientSecretPost(settings.clientSecret),
  private_key_jwt: async () => oauth.PrivateKeyJwt(await privateKey()),
  none: () => oauth.None(),
}[settings.authMethod]()

serve({
  async begin(prompt) {
    const [state, nonce, verifier] = [oauth.generateRandomState(), oauth.generateRandomNonce(), oauth.generateRandomCodeVerifier()]
    const url = new URL(as.authorization_endpoint)
    const challenge = await oauth.calculatePKCECodeChallenge(verifier)
    for (const [name, value] of Object.entries(requestParameters(state, nonce, challenge, prompt))) url.searchParams.set(name, value)
    url.searchParams.set('client_id', party.client_id)
    url.searchParams.set('response_type', 'code')
    return { url, state, nonce, verifier }
  },
  async finish(url, begun) {
    const answer = oauth.validateAuthResponse(as, party, url.searchParams, begun.state)
    const response = await oauth.authorizationCodeGrantRequest(as, party, authentication, answer, redirectURI, begun.verifier, loopback)
    const tokens = await oauth.processAuthorizationCodeResponse(as, party, response, { expectedNonce: begun.nonce, requireIdToken: true })
    await oauth.validateApplicationLevelSignature(as, response, loopback)
    return { tokens, claims: oauth.getValidatedIdTokenClaims(tokens) }
  },
  async userinfo({ tokens, claims }) {
    const response = await oauth.userInfoRequest(as, party, tokens.access_token, loopback)
    return oauth.processUserInfoResponse(as, party, claims.sub, response)
  },
  async refresh(session) {
    const response = await oauth.refreshTokenGrantRequest(as, party, authentication, session.tokens.refresh_token, loopback)
    const tokens = await oauth.processRefreshTokenResponse(as, party, response)
    return { tokens, claims: oauth.getValidatedIdTokenClaims(tokens) }
  },
  endSession({ tokens }, state) {
    const url = new URL(as.end_session_endpoint)
    url.searchParams.set('id_token_hint', tokens.id_token)
    url.searchParams.set('post_logout_redirect_uri', signedOutURI)
    url.searchParams.set('state', state)
    return url
  },
})
